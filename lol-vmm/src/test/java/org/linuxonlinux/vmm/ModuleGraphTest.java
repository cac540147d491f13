// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.conditions.ArchConditions.accessField;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The module graph of ARCHITECTURE.md and the rules of which package may do what. */
@AnalyzeClasses(packages = "org.linuxonlinux", importOptions = ImportOption.DoNotIncludeTests.class)
final class ModuleGraphTest {
    private static final String ROOT = "org.linuxonlinux.";

    @ArchTest
    static final ArchRule MODULES_DEPEND_DOWNWARDS_ONLY =
            layeredArchitecture()
                    .consideringOnlyDependenciesInAnyPackage("org.linuxonlinux..")
                    .withOptionalLayers(true)
                    .layer("guest-memory-file")
                    .definedBy(ROOT + "host..", ROOT + "memory..")
                    .layer("ptrace-tracer")
                    .definedBy(ROOT + "ptrace..")
                    .layer("gate-page")
                    .definedBy(ROOT + "asm..", ROOT + "gate..")
                    .layer("binary-translator")
                    .definedBy(ROOT + "decode..", ROOT + "translate..")
                    .layer("syscall-redirector")
                    .definedBy(ROOT + "redirect..")
                    .layer("acpi-tables")
                    .definedBy(ROOT + "acpi..")
                    .layer("virtual-pci")
                    .definedBy(ROOT + "pci..", ROOT + "virtio..")
                    .layer("user-level-drivers")
                    .definedBy(ROOT + "passthrough..")
                    .layer("lol-vmm")
                    .definedBy(ROOT + "vmm..")
                    .whereLayer("lol-vmm")
                    .mayNotBeAccessedByAnyLayer()
                    .whereLayer("user-level-drivers")
                    .mayOnlyBeAccessedByLayers("lol-vmm")
                    .whereLayer("virtual-pci")
                    .mayOnlyBeAccessedByLayers("user-level-drivers", "lol-vmm")
                    .whereLayer("acpi-tables")
                    .mayOnlyBeAccessedByLayers("lol-vmm")
                    .whereLayer("syscall-redirector")
                    .mayOnlyBeAccessedByLayers("lol-vmm")
                    .whereLayer("binary-translator")
                    .mayOnlyBeAccessedByLayers("syscall-redirector", "lol-vmm")
                    .whereLayer("gate-page")
                    .mayOnlyBeAccessedByLayers("binary-translator", "syscall-redirector", "lol-vmm")
                    .whereLayer("ptrace-tracer")
                    .mayOnlyBeAccessedByLayers("syscall-redirector", "lol-vmm")
                    .whereLayer("acpi-tables")
                    .mayNotAccessAnyLayer()
                    .whereLayer("guest-memory-file")
                    .mayNotAccessAnyLayer();

    /**
     * The monitor's root package both holds what all its packages share and puts the machine
     * together.
     */
    @ArchTest
    static final ArchRule PACKAGES_FORM_NO_CYCLES =
            slices().matching(ROOT + "(**)")
                    .should()
                    .beFreeOfCycles()
                    .ignoreDependency(resideInAPackage(ROOT + "vmm"), alwaysTrue());

    @ArchTest
    static final ArchRule ONLY_HOST_AND_MEMORY_CALL_FOREIGN_CODE =
            noClasses()
                    .that()
                    .resideOutsideOfPackages(ROOT + "host..", ROOT + "memory..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "jnr..",
                            "com.kenai.jffi..",
                            "sun.misc..",
                            "jdk.internal..",
                            "jdk.incubator..");

    @ArchTest
    static final ArchRule ONLY_THE_COMMAND_LINE_PRINTS =
            noClasses()
                    .that()
                    .resideOutsideOfPackages(ROOT + "vmm.cli..", ROOT + "vmm.console..")
                    .should(accessField(System.class, "out"))
                    .orShould(accessField(System.class, "err"));

    @ArchTest
    static final ArchRule ONLY_THE_COMMAND_LINE_ENDS_THE_PROCESS =
            noClasses()
                    .that()
                    .resideOutsideOfPackage(ROOT + "vmm.cli..")
                    .should()
                    .callMethod(System.class, "exit", int.class)
                    .orShould()
                    .callMethod(Runtime.class, "halt", int.class);
}
