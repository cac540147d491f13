// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher script, with shell scripts in place of Java and Maven. */
final class LauncherIT {
    private static final Path LAUNCHER = Path.of("..", "lol").toAbsolutePath().normalize();

    /** Stands for {@code javac} and the like: does nothing. */
    private static final String NOTHING = "exit 0";

    @TempDir Path directory;

    private Path root;
    private final Map<String, String> environment = new HashMap<>();

    private record Result(int status, String output) {}

    @BeforeEach
    void makeCheckout() throws IOException {
        root = Files.createDirectories(directory.resolve("checkout"));
        Files.createDirectories(root.resolve(".mvn"));
        Files.createDirectories(root.resolve("lol-vmm/src/main"));
        Files.writeString(root.resolve("pom.xml"), "<project/>");
        Files.writeString(root.resolve("lol-vmm/pom.xml"), "<project/>");
        Files.copy(LAUNCHER, root.resolve("lol"), StandardCopyOption.COPY_ATTRIBUTES);
        java("17.0.1", NOTHING);
        script(
                directory.resolve("bin/mvn"),
                "echo run >> "
                        + directory
                        + "/maven-runs; sleep 0.3; mkdir -p lol-vmm/target/quick/lib; touch lol-vmm/target/quick/lol-vmm.jar");
        environment.put("JAVA_HOME", directory.resolve("jdk").toString());
        environment.put("PATH", directory.resolve("bin") + ":" + System.getenv("PATH"));
    }

    private void java(String version, String body) throws IOException {
        Path jdk = directory.resolve("jdk");
        script(jdk.resolve("bin/java"), body);
        script(jdk.resolve("bin/javac"), NOTHING);
        Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    }

    private static void script(Path file, String body) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + body + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Process start(String command) throws IOException {
        ProcessBuilder builder =
                new ProcessBuilder("sh", "-c", command)
                        .directory(directory.toFile())
                        .redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        process.getOutputStream().close();
        return process;
    }

    private Result run(String command) throws IOException, InterruptedException {
        return finish(start(command));
    }

    private static Result finish(Process process) throws IOException, InterruptedException {
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(20, TimeUnit.SECONDS), output);
        return new Result(process.exitValue(), output);
    }

    private List<String> mavenRuns() throws IOException {
        Path runs = directory.resolve("maven-runs");
        return Files.exists(runs) ? Files.readAllLines(runs) : List.of();
    }

    @Test
    void buildsOnceAndAgainOnlyAfterAChange() throws Exception {
        assertEquals(0, run("checkout/lol").status());
        assertEquals(0, run("checkout/lol").status());
        assertEquals(1, mavenRuns().size());
        Files.writeString(root.resolve("lol-vmm/src/main/New.java"), "class New {}");
        assertEquals(0, run("checkout/lol").status());
        assertEquals(2, mavenRuns().size());
    }

    @Test
    void buildsOnceWhenTwoStartTogether() throws Exception {
        Process first = start("checkout/lol");
        Process second = start("checkout/lol");
        assertEquals(0, finish(first).status());
        assertEquals(0, finish(second).status());
        assertEquals(1, mavenRuns().size());
    }

    @Test
    void namesTheLogWhenTheBuildFails() throws Exception {
        script(
                directory.resolve("bin/mvn"),
                "echo '[ERROR] /x/Y.java:[1,2] cannot find symbol'; exit 1");
        Result result = run("checkout/lol");
        assertEquals(70, result.status());
        assertTrue(result.output().contains("Y.java:[1,2] cannot find symbol"), result.output());
        assertTrue(
                result.output()
                        .contains(
                                "the build failed: log="
                                        + root.toRealPath()
                                        + "/target/build.log"));
    }

    @Test
    void findsItsRootThroughSymbolicLinks() throws Exception {
        Files.createSymbolicLink(directory.resolve("one"), Path.of("checkout/lol"));
        Files.createSymbolicLink(directory.resolve("bin/two"), directory.resolve("one"));
        assertEquals(0, run("cd / && two").status());
        assertTrue(Files.exists(root.resolve("target/app/current/lol-vmm.jar")));
    }

    @Test
    void passesArgumentsAndStatusOn() throws Exception {
        java("21", "shift; for a; do echo \"<$a>\"; done; exit 42");
        Result result = run("checkout/lol run -a 'two  words' '*'");
        assertEquals(42, result.status());
        assertTrue(result.output().contains("<-a>\n<two  words>\n<*>\n"), result.output());
    }

    @Test
    void passesStandardInputOn() throws Exception {
        java("17", "cat");
        assertEquals(
                "typed\n",
                run("checkout/lol 2>&1 > /dev/null; echo typed | checkout/lol")
                                .output()
                                .lines()
                                .reduce((a, b) -> b)
                                .orElse("")
                        + "\n");
    }

    @Test
    void complainsAboutOldJava() throws Exception {
        java("11.0.2", NOTHING);
        Result result = run("checkout/lol");
        assertEquals(3, result.status());
        assertTrue(result.output().contains("version=11, expected 17 or newer"), result.output());
    }

    @Test
    void complainsAboutMissingMaven() throws Exception {
        Files.delete(directory.resolve("bin/mvn"));
        for (String tool : List.of("dirname", "readlink", "sed", "find", "date", "mkdir", "sh")) {
            Files.createSymbolicLink(
                    directory.resolve("bin").resolve(tool), Path.of("/usr/bin", tool));
        }
        environment.put("PATH", directory.resolve("bin").toString());
        Result result = run("checkout/lol");
        assertEquals(3, result.status());
        assertTrue(result.output().contains("apt install maven"), result.output());
    }

    @Test
    void survivesClosedStandardStreams() throws Exception {
        java("17", "cat; echo out; echo err >&2; exit 5");
        assertEquals(5, run("checkout/lol <&- >&- 2>&-").status());
    }

    @Test
    void forwardsSignals() throws Exception {
        assertEquals(0, run("checkout/lol").status()); // the build
        java("17", "trap 'echo got TERM; exit 9' TERM; echo ready; while :; do sleep 0.05; done");
        for (String signal : List.of("TERM", "INT")) {
            Process process = start("exec checkout/lol");
            byte[] ready = process.getInputStream().readNBytes("ready\n".length());
            assertEquals("ready\n", new String(ready, StandardCharsets.UTF_8));
            new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid()))
                    .start()
                    .waitFor();
            Result result = finish(process);
            assertEquals(9, result.status(), result.output());
            assertTrue(result.output().contains("got TERM"), result.output());
        }
    }

    @Test
    void restoresTheTerminalOfAKilledMonitor() throws Exception {
        assertEquals(0, run("checkout/lol").status()); // the build
        java("17", "stty raw -echo; kill -9 $$");
        Result result =
                run(
                        "script -qec 'stty -a > before; checkout/lol; echo status=$?; stty -a > after' typescript"
                                + " < /dev/null");
        assertTrue(result.output().contains("status=137"), result.output());
        String before = Files.readString(directory.resolve("before"));
        assertTrue(before.contains("icanon"), before);
        assertFalse(before.contains("-icanon"), before);
        assertEquals(before, Files.readString(directory.resolve("after")));
    }
}
