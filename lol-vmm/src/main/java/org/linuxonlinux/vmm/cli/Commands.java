// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * The command line's grammar: sub-commands, options, help texts. The manual page and the completion
 * come from it, too.
 */
final class Commands {
    static final String RUN = "run";
    static final String DOCTOR = "doctor";
    static final String INSPECT = "inspect";
    static final String GENERATE = "generate-docs";

    private Commands() {}

    /** The whole grammar. */
    static CommandLine build() {
        CommandSpec lol =
                withHelp(
                        CommandSpec.create().name("lol"),
                        "Runs an unmodified Linux kernel as ordinary host processes.");
        lol.addOption(
                OptionSpec.builder("-V", "--version")
                        .versionHelp(true)
                        .description("Print the version.")
                        .build());
        lol.version("Linux-on-Linux " + version());
        lol.addSubcommand(RUN, run());
        lol.addSubcommand(DOCTOR, doctor());
        lol.addSubcommand(INSPECT, inspect());
        lol.addSubcommand(GENERATE, generate());
        lol.usageMessage().synopsisSubcommandLabel("COMMAND");
        CommandLine commandLine = new CommandLine(lol);
        commandLine.setUsageHelpWidth(80);
        commandLine.setAllowOptionsAsOptionParameters(false);
        return commandLine;
    }

    private static String version() {
        String version = Commands.class.getPackage().getImplementationVersion();
        return version == null ? "(not packaged)" : version;
    }

    private static CommandSpec run() {
        CommandSpec spec = withHelp(CommandSpec.create(), "Boot a kernel on this terminal.");
        spec.addOption(
                text("-k", "--kernel")
                        .paramLabel("FILE|DIR|VERSION")
                        .description(
                                "Kernel to boot: a bzImage or vmlinux; a directory that holds one (kernel build tree, unpacked "
                                        + "package); or a Debian version or flavour, e.g. amd64. Default: Debian's cloud kernel.")
                        .build());
        spec.addOption(
                text("-i", "--initrd")
                        .paramLabel("FILE")
                        .description(
                                "Initial RAM disk; 'none' for none. Default: an initramfs with busybox.")
                        .build());
        spec.addOption(
                OptionSpec.builder("-a", "--append")
                        .type(List.class)
                        .auxiliaryTypes(String.class)
                        .arity("1")
                        .paramLabel("TEXT")
                        .description("Text to add to the kernel command line. May be repeated.")
                        .build());
        spec.addOption(
                text("-m", "--memory")
                        .paramLabel("SIZE")
                        .defaultValue("1G")
                        .description("Guest RAM, e.g. 512M or 2G. Default: 1G.")
                        .build());
        spec.addOption(
                text("--memory-file")
                        .paramLabel("FILE")
                        .description(
                                "Keep guest RAM in this file (created if missing; may lie on hugetlbfs).")
                        .build());
        spec.addOption(
                text("--redirect")
                        .paramLabel("MODE")
                        .defaultValue(RunOptions.name(RunOptions.DEFAULT_REDIRECT))
                        .description(
                                "How guest system calls are caught: gate, sigsys or ptrace. Default: gate, or the next that the host can do.")
                        .build());
        spec.addOption(
                text("--isolation")
                        .paramLabel("HOW")
                        .description(
                                "What keeps a guest's programs from their own guest's kernel: shared, "
                                        + "which is nothing but its place. Default: shared.")
                        .build());
        spec.addOption(
                text("--contexts")
                        .paramLabel("N")
                        .description(
                                "Address spaces of the guest that are kept at a time, each in a host process: 1 to 8. "
                                        + "With --redirect ptrace it is 1. Default: 8.")
                        .build());
        spec.addOption(
                text("--translation-cache")
                        .paramLabel("on|off")
                        .defaultValue("on")
                        .description(
                                "Keep translated kernel code for later boots of the kernel. Default: on.")
                        .build());
        spec.addOption(
                text("--timeout")
                        .paramLabel("SECONDS")
                        .description("End the guest after this time, with exit status 124.")
                        .build());
        spec.addOption(
                OptionSpec.builder("-v", "--verbose")
                        .type(boolean[].class)
                        .arity("0")
                        .description("Say more: unknown MSRs and ports; twice: each exit.")
                        .build());
        spec.addOption(flag("--stats").description("Print counters at the end.").build());
        spec.usageMessage()
                .footerHeading("%nWhile it runs:%n")
                .footer(
                        "  Ctrl-a x       end the virtual machine",
                        "  Ctrl-a h       list these keys",
                        "  Ctrl-a Ctrl-a  send Ctrl-a to the guest");
        Map<String, String> exitStatuses = new LinkedHashMap<>();
        for (ExitStatus status : ExitStatus.values()) {
            exitStatuses.put(Integer.toString(status.code()), status.meaning());
        }
        spec.usageMessage().exitCodeListHeading("%nExit status:%n").exitCodeList(exitStatuses);
        return spec;
    }

    private static CommandSpec doctor() {
        CommandSpec spec =
                withHelp(
                        CommandSpec.create(),
                        "Show what this host offers and lacks, and how to mend it.");
        spec.addOption(flag("--json").description("Print it as JSON.").build());
        return spec;
    }

    private static CommandSpec inspect() {
        CommandSpec spec = withHelp(CommandSpec.create(), "Show facts of a kernel file.");
        spec.addPositional(
                PositionalParamSpec.builder()
                        .paramLabel("KERNEL")
                        .type(String.class)
                        .required(true)
                        .arity("1")
                        .description("FILE, DIR or VERSION as for run.")
                        .build());
        return spec;
    }

    private static CommandSpec generate() {
        CommandSpec spec =
                withHelp(
                        CommandSpec.create(),
                        "Write the manual pages and the shell completion to a directory.");
        spec.usageMessage().hidden(true);
        spec.addPositional(
                PositionalParamSpec.builder()
                        .paramLabel("DIR")
                        .type(String.class)
                        .required(true)
                        .arity("1")
                        .build());
        return spec;
    }

    private static OptionSpec.Builder text(String... names) {
        return OptionSpec.builder(names[0], Arrays.copyOfRange(names, 1, names.length))
                .type(String.class)
                .arity("1");
    }

    private static OptionSpec.Builder flag(String name) {
        return OptionSpec.builder(name).type(boolean.class);
    }

    private static CommandSpec withHelp(CommandSpec spec, String description) {
        spec.addOption(
                OptionSpec.builder("-h", "--help")
                        .usageHelp(true)
                        .description("Print this help.")
                        .build());
        spec.usageMessage().description(description).sortOptions(false);
        return spec;
    }
}
