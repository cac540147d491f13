// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.nio.file.Path;
import java.util.Arrays;
import org.linuxonlinux.vmm.UserException;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * The entry point: parses the command line, runs the sub-command, turns its end into an exit
 * status.
 */
public final class Main {
    private Main() {}

    /** Runs {@code lol} and ends the process. */
    public static void main(String[] args) {
        System.exit(run(args));
    }

    /** Runs {@code lol} without ending the process; returns the exit status. */
    static int run(String... args) {
        boolean verbose =
                Arrays.asList(args).contains("-v") || Arrays.asList(args).contains("--verbose");
        try {
            return dispatch(Commands.build(), args);
        } catch (ParameterException e) {
            // picocli's messages already say which option and what was expected.
            String command = e.getCommandLine().getCommandSpec().qualifiedName();
            return complain(
                    ExitStatus.BAD_INPUT.code(), e.getMessage() + " (see " + command + " --help)");
        } catch (UserException e) {
            if (verbose && e.getCause() != null) {
                e.printStackTrace(System.err);
            }
            return complain(e.exitCode(), e.getMessage());
        } catch (RuntimeException | Error e) {
            return StateDump.reportBug(e, "");
        }
    }

    private static int complain(int exitCode, String message) {
        System.err.println("lol: " + message.strip().replace('\n', ' '));
        return exitCode;
    }

    private static int dispatch(CommandLine lol, String... args) {
        ParseResult result = lol.parseArgs(args);
        while (result.hasSubcommand()) {
            result = result.subcommand();
        }
        CommandLine command = result.commandSpec().commandLine();
        if (result.isUsageHelpRequested()) {
            command.usage(System.out);
            return ExitStatus.OK.code();
        }
        if (result.isVersionHelpRequested()) {
            command.printVersionHelp(System.out);
            return ExitStatus.OK.code();
        }
        return switch (command.getCommandName()) {
            case Commands.RUN -> new RunCommand(RunOptions.check(result)).run();
            case Commands.DOCTOR -> new DoctorCommand(result.hasMatchedOption("--json")).run();
            case Commands.INSPECT -> new InspectCommand(result.matchedPositionalValue(0, "")).run();
            case Commands.GENERATE ->
                    new GenerateCommand(Path.of(result.matchedPositionalValue(0, ""))).run();
            default -> {
                command.usage(System.err);
                yield ExitStatus.BAD_INPUT.code();
            }
        };
    }
}
