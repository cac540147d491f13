// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

/**
 * An image of all tables.
 *
 * @param gpa where it must be placed; there lies the RSDP
 * @param bytes its contents
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, not compared
public record AcpiBlob(long gpa, byte[] bytes) {}
