// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.GuestLayout;
import org.linuxonlinux.vmm.UserException;

/**
 * Offsets here are written out, from zero-page.rst and boot.rst: a second opinion on the loader's
 * constants.
 */
final class LoaderTest {
    private static final long MB = 1 << 20;
    private static final int RAM_SIZE = (int) (32 * MB);

    private final FileSystem files = Jimfs.newFileSystem(Configuration.unix());
    private final ByteBuffer ram = ByteBuffer.allocate(RAM_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    private final Loader loader =
            new Loader(
                    (gpa, source) ->
                            ram.put((int) gpa, source, source.position(), source.remaining()),
                    RAM_SIZE);
    private final ElfFixture elf = new ElfFixture();
    private final BzImageFixture bzImage = new BzImageFixture();

    @AfterEach
    void close() throws IOException {
        files.close();
    }

    private KernelImage bzImage() throws IOException {
        return load(bzImage.build(BzImageFixture.payload(Compression.LZ4, elf.build())));
    }

    private KernelImage load(byte[] bytes) throws IOException {
        Path file = files.getPath("/kernel");
        Files.write(file, bytes);
        return KernelImage.load(file, VmlinuxCache.none());
    }

    private String complaint(KernelImage kernel, ByteBuffer initrd, String commandLine) {
        UserException e =
                assertThrows(UserException.class, () -> loader.load(kernel, initrd, commandLine));
        assertEquals(UserException.BAD_INPUT, e.exitCode());
        return e.getMessage();
    }

    @Test
    void placesTheSegmentAtItsPhysicalAddress() throws IOException {
        loader.load(bzImage(), Initrd.NONE, "");
        byte[] loaded = new byte[ElfFixture.CODE.length];
        ram.get((int) ElfFixture.TEXT_GPA, loaded);
        assertArrayEquals(ElfFixture.CODE, loaded);
    }

    @Test
    void fillsTheZeroPageOfABzImage() throws IOException {
        byte[] initrd = {1, 2, 3};
        BootState state = loader.load(bzImage(), ByteBuffer.wrap(initrd), "root=x");
        int zero = (int) state.bootParamsGpa();
        assertEquals(0xaa55, Short.toUnsignedInt(ram.getShort(zero + 0x1fe)), "boot_flag");
        assertEquals(0x53726448, ram.getInt(zero + 0x202), "header");
        assertEquals(0x20f, ram.getShort(zero + 0x206), "version");
        assertEquals((byte) 0xff, ram.get(zero + 0x210), "type_of_loader");
        assertEquals(1, ram.get(zero + 0x211), "loadflags: LOADED_HIGH, not KASLR_FLAG");
        assertEquals(RAM_SIZE - 4096, ram.getInt(zero + 0x218), "ramdisk_image");
        assertEquals(3, ram.getInt(zero + 0x21c), "ramdisk_size");
        assertEquals(0, ram.getInt(zero + 0x0c0), "ext_ramdisk_image");
        assertEquals(0, ram.getInt(zero + 0x0c4), "ext_ramdisk_size");
        assertEquals(0, ram.get(zero + 0x1ef), "sentinel");
        assertEquals(0xe0000, ram.getLong(zero + 0x070), "acpi_rsdp_addr");
        assertEquals(0x8000, ram.getInt(zero + 0x260), "init_size, copied");
        assertEquals(0, ram.getInt(zero + 0x26c), "nothing beyond the header is copied");
        assertEquals(3, ram.get(RAM_SIZE - 4096 + 2), "initrd");
        int commandLine = ram.getInt(zero + 0x228);
        byte[] text = new byte[7];
        ram.get(commandLine, text);
        assertEquals("root=x\0", new String(text, StandardCharsets.US_ASCII));
    }

    @Test
    void writesTheMemoryMapIntoTheZeroPage() throws IOException {
        int zero = (int) loader.load(bzImage(), Initrd.NONE, "").bootParamsGpa();
        List<E820Entry> map = Loader.memoryMap(RAM_SIZE);
        assertEquals(map.size(), ram.get(zero + 0x1e8));
        for (int i = 0; i < map.size(); i++) {
            int at = zero + 0x2d0 + 20 * i;
            assertEquals(map.get(i).startGpa(), ram.getLong(at));
            assertEquals(map.get(i).endGpa() - map.get(i).startGpa(), ram.getLong(at + 8));
            assertEquals(map.get(i).type(), ram.getInt(at + 16));
        }
    }

    @Test
    void synthesisesAHeaderForVmlinux() throws IOException {
        BootState state = loader.load(load(elf.build()), Initrd.NONE, "");
        int zero = (int) state.bootParamsGpa();
        assertEquals(0x53726448, ram.getInt(zero + 0x202));
        assertEquals(0x20c, ram.getShort(zero + 0x206));
        assertEquals((byte) 0xff, ram.get(zero + 0x210));
        assertEquals(0, ram.getInt(zero + 0x218), "no initrd");
        assertEquals(2047, ram.getInt(zero + 0x238));
    }

    @Test
    void entersByThe64BitProtocol() throws IOException {
        BootState state = loader.load(bzImage(), Initrd.NONE, "");
        assertEquals(ElfFixture.TEXT_GPA, state.entryRip());
        assertEquals(31, state.gdtLimit());
        int gdt = (int) state.gdtBase();
        assertEquals(0x00af_9b00_0000_ffffL, ram.getLong(gdt + 0x10), "__BOOT_CS: 64-bit code");
        assertEquals(0x00cf_9300_0000_ffffL, ram.getLong(gdt + 0x18), "__BOOT_DS: flat data");
    }

    @Test
    void pageTablesMapFourGigabytesOntoThemselves() throws IOException {
        BootState state = loader.load(bzImage(), Initrd.NONE, "");
        for (long gva :
                new long[] {
                    0, 0x7000, ElfFixture.TEXT_GPA + 5, 0x4000_0000L, 0xfee0_0030L, 0xffff_ffffL
                }) {
            assertEquals(gva, translate(state.cr3(), gva));
        }
    }

    /** Page walk, Intel SDM vol. 3A §4.5.4, for 2 MB pages. */
    private long translate(long cr3, long gva) {
        long pml4e = ram.getLong((int) (cr3 + (gva >>> 39 & 511) * 8));
        assertEquals(3, pml4e & 0xfff, "PML4 entry present and writable");
        long pdpte = ram.getLong((int) ((pml4e & -4096) + (gva >>> 30 & 511) * 8));
        assertEquals(3, pdpte & 0xfff, "PDPT entry present and writable");
        long pde = ram.getLong((int) ((pdpte & -4096) + (gva >>> 21 & 511) * 8));
        assertEquals(0x83, pde & 0xfff, "large page, present and writable");
        return (pde & -0x20_0000L) + (gva & 0x1f_ffff);
    }

    @Test
    void memoryMapSplitsRamAroundTheDeviceHole() {
        List<E820Entry> map = Loader.memoryMap(5L << 30);
        assertEquals(E820Entry.ram(MB, 3L << 30), map.get(3));
        assertEquals(E820Entry.ram(4L << 30, 6L << 30), map.get(map.size() - 1));
        for (int i = 1; i < map.size(); i++) {
            assertTrue(map.get(i - 1).endGpa() <= map.get(i).startGpa(), "ascending, no overlap");
        }
        long ramBytes =
                map.stream()
                        .filter(e -> e.type() == E820Entry.RAM)
                        .mapToLong(e -> e.endGpa() - e.startGpa())
                        .sum();
        assertEquals((5L << 30) - (MB - GuestLayout.EBDA_GPA), ramBytes);
    }

    @Test
    void initrdStaysBelowTheKernelsLimit() throws IOException {
        bzImage.initrdMax = (int) (20 * MB - 1);
        int zero = (int) loader.load(bzImage(), ByteBuffer.allocate(5000), "").bootParamsGpa();
        assertEquals(20 * MB - 8192, ram.getInt(zero + 0x218));
    }

    @Test
    void refusesAnInitrdThatDoesNotFit() throws IOException {
        String text = complaint(bzImage(), ByteBuffer.allocate((int) (17 * MB)), "");
        assertTrue(text.startsWith("initrd larger than RAM: initrd=17 MB, memory=32 MB"), text);
    }

    @Test
    void refusesTooLittleMemory() throws IOException {
        elf.memorySizeBytes = 20 * MB;
        String text = complaint(bzImage(), Initrd.NONE, "");
        assertTrue(text.startsWith("memory too small: size=32 MB"), text);
    }

    @Test
    void refusesALongCommandLine() throws IOException {
        loader.load(bzImage(), Initrd.NONE, "x".repeat(2047));
        String text = complaint(bzImage(), Initrd.NONE, "x".repeat(2048));
        assertEquals("kernel command line too long: sizeBytes=2048, limit=2047", text);
    }

    @Test
    void refusesAKernelInTheBootArea() throws IOException {
        elf.segmentGpa = 0x8000;
        elf.entryGpa = 0x8000;
        assertTrue(complaint(bzImage(), Initrd.NONE, "").contains("below 1 MB"));
    }

    @Test
    void refusesUnusableInitrdFiles() throws IOException {
        Path file = files.getPath("/initrd");
        assertInitrdRefused(file, "no such file");
        Files.write(file, new byte[0]);
        assertInitrdRefused(file, "empty file");
        Files.write(file, new byte[RAM_SIZE]);
        assertInitrdRefused(file, "larger than RAM");
        assertInitrdRefused(files.getPath("/"), "not a regular file");
        Files.write(file, new byte[] {7});
        assertEquals(7, Initrd.read(file, RAM_SIZE).get(0));
    }

    private static void assertInitrdRefused(Path file, String why) {
        UserException e = assertThrows(UserException.class, () -> Initrd.read(file, RAM_SIZE));
        assertEquals(UserException.BAD_INPUT, e.exitCode());
        assertTrue(e.getMessage().contains(why), e.getMessage());
    }
}
