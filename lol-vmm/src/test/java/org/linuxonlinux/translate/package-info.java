// SPDX-License-Identifier: Apache-2.0
/**
 * Tests that run translated code on the real CPU. They live here because the translator's own
 * module may not depend on the tracer.
 */
package org.linuxonlinux.translate;
