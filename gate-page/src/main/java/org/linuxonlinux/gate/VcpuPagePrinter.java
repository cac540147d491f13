// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import java.util.Locale;

/** Prints the vCPU page layout for people and debuggers, from {@link VcpuPageLayout#FIELDS}. */
public final class VcpuPagePrinter {
    private VcpuPagePrinter() {}

    /** The table of docs/gate-page.md, one line per field. */
    public static String markdownTable() {
        StringBuilder text = new StringBuilder("| offset | field | width |\n|---|---|---|\n");
        for (VcpuPageLayout.Field field : VcpuPageLayout.FIELDS) {
            String width =
                    field.count() == 1
                            ? Integer.toString(field.widthBytes())
                            : field.count() + " × " + field.widthBytes();
            text.append(
                    String.format(
                            "| 0x%04x | `%s` | %s |\n", field.offsetBytes(), field.name(), width));
        }
        return text.toString();
    }

    /**
     * A gdb script: one convenience variable {@code $vcpu_<field>} with the address of each field,
     * the command {@code vcpu} that prints the single words, and one variable {@code $gate_<stub>}
     * per stub.
     */
    public static String gdbScript(SymbolMap stubs) {
        StringBuilder text = new StringBuilder();
        StringBuilder print = new StringBuilder("define vcpu\n");
        for (VcpuPageLayout.Field field : VcpuPageLayout.FIELDS) {
            String name = "vcpu_" + field.name().toLowerCase(Locale.ROOT);
            text.append(
                    String.format(
                            "set $%s = 0x%x\n", name, VcpuPageLayout.hva(field.offsetBytes())));
            if (field.count() == 1) {
                print.append(
                        String.format(
                                "  printf \"%s = 0x%%lx\\n\", *(unsigned long *)$%s\n",
                                field.name(), name));
            }
        }
        for (SymbolMap.Symbol stub : stubs.symbols()) {
            text.append(String.format("set $gate_%s = 0x%x\n", stub.name(), stub.startHva()));
        }
        return text.append(print).append("end\n").toString();
    }
}
