// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.util.Locale;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * Writes a command's manual page in the man(7) macros of troff, from the same model that parses the
 * command line.
 */
final class ManualPage {
    private final StringBuilder page = new StringBuilder();

    private ManualPage() {}

    /** The page of one command. */
    static String of(CommandLine command) {
        ManualPage manual = new ManualPage();
        manual.write(command.getCommandSpec());
        return manual.page.toString();
    }

    /** The page's name: {@code lol-run} for {@code lol run}. */
    static String name(CommandSpec spec) {
        return spec.qualifiedName("-");
    }

    private void write(CommandSpec spec) {
        String description = String.join(" ", spec.usageMessage().description());
        macro("TH", name(spec).toUpperCase(Locale.ROOT) + " 1 \"\" \"Linux-on-Linux\"");
        macro("SH", "NAME");
        text(name(spec) + " \\- " + escape(uncapitalise(description)));
        macro("SH", "SYNOPSIS");
        synopsis(spec);
        if (!spec.options().isEmpty() || !spec.positionalParameters().isEmpty()) {
            macro("SH", "OPTIONS");
            spec.positionalParameters().forEach(this::positional);
            spec.options().forEach(this::option);
        }
        if (!spec.subcommands().isEmpty()) {
            macro("SH", "COMMANDS");
            for (CommandLine sub : spec.subcommands().values()) {
                if (!sub.getCommandSpec().usageMessage().hidden()) {
                    macro("TP", "");
                    macro("BR", name(sub.getCommandSpec()) + " (1)");
                    text(
                            escape(
                                    String.join(
                                            " ",
                                            sub.getCommandSpec().usageMessage().description())));
                }
            }
        }
        footer(spec);
        exitStatus(spec.usageMessage().exitCodeList());
    }

    private void synopsis(CommandSpec spec) {
        page.append(".B ").append(escape(spec.qualifiedName())).append('\n');
        for (OptionSpec option : spec.options()) {
            if (!option.hidden()) {
                text("[\\fB" + escape(option.shortestName()) + "\\fR" + parameter(option) + "]");
            }
        }
        if (!spec.subcommands().isEmpty()) {
            text("\\fICOMMAND\\fR");
        }
        for (PositionalParamSpec parameter : spec.positionalParameters()) {
            text("\\fI" + escape(parameter.paramLabel()) + "\\fR");
        }
    }

    private void option(OptionSpec option) {
        macro("TP", "");
        StringBuilder names = new StringBuilder();
        for (String name : option.names()) {
            names.append(names.length() == 0 ? "" : ", ")
                    .append("\\fB")
                    .append(escape(name))
                    .append("\\fR");
        }
        text(names + parameter(option));
        text(escape(String.join(" ", option.description())));
    }

    private void positional(PositionalParamSpec parameter) {
        macro("TP", "");
        text("\\fI" + escape(parameter.paramLabel()) + "\\fR");
        text(escape(String.join(" ", parameter.description())));
    }

    private static String parameter(OptionSpec option) {
        return option.arity().max() == 0 ? "" : " \\fI" + escape(option.paramLabel()) + "\\fR";
    }

    private void footer(CommandSpec spec) {
        if (spec.usageMessage().footer().length == 0) {
            return;
        }
        macro("SH", "KEYS");
        macro("nf", "");
        for (String line : spec.usageMessage().footer()) {
            text(escape(line.strip()));
        }
        macro("fi", "");
    }

    private void exitStatus(Map<String, String> statuses) {
        if (statuses.isEmpty()) {
            return;
        }
        macro("SH", "EXIT STATUS");
        statuses.forEach(
                (code, meaning) -> {
                    macro("TP", "");
                    macro("B", code);
                    text(escape(meaning));
                });
    }

    private void macro(String name, String arguments) {
        page.append('.')
                .append(name)
                .append(arguments.isEmpty() ? "" : " ")
                .append(arguments)
                .append('\n');
    }

    private void text(String line) {
        page.append(line).append('\n');
    }

    private static String escape(String text) {
        String escaped = text.replace("\\", "\\e").replace("-", "\\-");
        return escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped;
    }

    private static String uncapitalise(String text) {
        return text.isEmpty() ? text : Character.toLowerCase(text.charAt(0)) + text.substring(1);
    }
}
