// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.linuxonlinux.vmm.UserException;
import picocli.AutoComplete;
import picocli.CommandLine;

/**
 * {@code lol generate-docs}: manual pages and shell completion, called by the launcher after each
 * build. Files go where a prefix like {@code /usr/local/share} would have them.
 */
final class GenerateCommand {
    private final Path directory;

    GenerateCommand(Path directory) {
        this.directory = directory;
    }

    /** Writes the files; returns the exit status. */
    int run() {
        CommandLine lol = Commands.build();
        try {
            Path pages = Files.createDirectories(directory.resolve("man/man1"));
            page(lol, pages);
            for (CommandLine command : lol.getSubcommands().values()) {
                if (!command.getCommandSpec().usageMessage().hidden()) {
                    page(command, pages);
                }
            }
            Path completions =
                    Files.createDirectories(directory.resolve("bash-completion/completions"));
            Files.writeString(completions.resolve("lol"), AutoComplete.bash("lol", lol));
        } catch (IOException e) {
            throw new UserException(
                    UserException.BAD_INPUT,
                    "cannot write documentation: directory=" + directory + ": " + e,
                    e);
        }
        return ExitStatus.OK.code();
    }

    private static void page(CommandLine command, Path pages) throws IOException {
        String name = ManualPage.name(command.getCommandSpec());
        Files.writeString(pages.resolve(name + ".1"), ManualPage.of(command));
    }
}
