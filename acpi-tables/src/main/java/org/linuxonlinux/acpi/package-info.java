// SPDX-License-Identifier: Apache-2.0
/**
 * ACPI tables as bytes: a description of the machine in, an image of the tables out. Pure
 * functions; where the image is placed in guest memory and how it is used is the caller's matter.
 *
 * <p>The machine is a hardware-reduced one: no fixed ACPI hardware, no SCI, no legacy interrupt
 * controller or timer. Specification: ACPI 6.5, chapters 5 (tables), 6 (resources), 19 and 20
 * (AML).
 */
package org.linuxonlinux.acpi;
