// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.memory;

import com.kenai.jffi.MemoryIO;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.HostFile;

/**
 * The guest's RAM: access by guest physical address (GPA), little-endian, from any thread.
 *
 * <pre>
 *   GPA  0                3 GB        4 GB
 *        |  region 0      | PCI hole  |  region 1 …
 *   file |  region 0      |  region 1 …              (no gap)
 * </pre>
 *
 * <p>RAM is one host file mapped whole into this process. The hole below 4 GB is for devices and
 * the interrupt controllers; RAM above 3 GB continues at 4 GB. Plain accessors accept any
 * alignment; the ordered and atomic ones need natural alignment and work against the guest's own
 * accesses, since the processes that run it map the same file. An access that is not wholly inside
 * one region throws {@link MemoryAccessException} and has no effect.
 *
 * <p>Must be closed only after every thread that uses it has stopped.
 */
public final class GuestMemory implements AutoCloseable {
    /** Guest page size. */
    public static final int PAGE_SIZE = 4096;

    /** log2 of {@link #PAGE_SIZE}. */
    public static final int PAGE_SHIFT = 12;

    /** First GPA of the PCI hole; 1 GB of device space, as in most PC chipsets. */
    public static final long HOLE_START_GPA = 3L << 30;

    /** First GPA behind the PCI hole. */
    public static final long HOLE_END_GPA = 4L << 30;

    /** Views for atomics cover 1 GB each, since a buffer holds less than 2 GB. */
    private static final int CHUNK_SHIFT = 30;

    private static final long CHUNK_MASK = (1L << CHUNK_SHIFT) - 1;

    private static final MemoryIO MEMORY = MemoryIO.getInstance();
    private static final VarHandle INTS =
            MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final HostFile file;
    private final long sizeBytes;
    private final List<MemoryRegion> regions;
    private final ByteBuffer[] chunks;
    private final long baseHva;

    /** End of region 0; 0 once closed. */
    private long lowEndGpa;

    /** End of region 1, or 0 without one and once closed. */
    private long highEndGpa;

    private GuestMemory(HostFile file, long sizeBytes) {
        this.file = file;
        this.sizeBytes = sizeBytes;
        this.regions = layOut(sizeBytes);
        this.lowEndGpa = regions.get(0).endGpa();
        this.highEndGpa = regions.size() > 1 ? regions.get(1).endGpa() : 0;
        this.baseHva =
                HostCalls.mmap(
                        0,
                        sizeBytes,
                        HostAbi.PROT_READ | HostAbi.PROT_WRITE,
                        HostAbi.MAP_SHARED,
                        file.fd(),
                        0);
        this.chunks = new ByteBuffer[(int) ((sizeBytes + CHUNK_MASK) >>> CHUNK_SHIFT)];
        for (int i = 0; i < chunks.length; i++) {
            long offset = (long) i << CHUNK_SHIFT;
            int length = (int) Math.min(sizeBytes - offset, 1L << CHUNK_SHIFT);
            chunks[i] =
                    MEMORY.newDirectByteBuffer(baseHva + offset, length)
                            .order(ByteOrder.LITTLE_ENDIAN);
        }
        // A core dump of the monitor must not contain the guest; huge pages where the host offers.
        HostCalls.madvise(baseHva, sizeBytes, HostAbi.MADV_DONTDUMP);
        HostCalls.rawSyscall(HostAbi.SYS_madvise, baseHva, sizeBytes, HostAbi.MADV_HUGEPAGE, 0, 0);
    }

    /** The regions for a RAM size: all below the hole as far as it fits, the rest from 4 GB. */
    static List<MemoryRegion> layOut(long sizeBytes) {
        long lowBytes = Math.min(sizeBytes, HOLE_START_GPA);
        MemoryRegion low = new MemoryRegion(0, lowBytes, 0);
        if (sizeBytes == lowBytes) {
            return List.of(low);
        }
        return List.of(low, new MemoryRegion(HOLE_END_GPA, sizeBytes - lowBytes, lowBytes));
    }

    /**
     * RAM in anonymous host memory (a sealed memfd), zeroed; pages are taken when first touched.
     *
     * @param sizeBytes a positive multiple of {@link #PAGE_SIZE}
     * @throws GuestMemoryException if the host cannot hold that much
     */
    public static GuestMemory anonymous(long sizeBytes) {
        return map(BackingFile.anonymous(sizeBytes), sizeBytes);
    }

    /**
     * RAM in a named file, created or emptied first, on any file system including hugetlbfs. All
     * its space is reserved here, so that a full file system shows now and not as a fault later.
     *
     * @param sizeBytes a positive multiple of the file system's page size
     * @throws GuestMemoryException if the file cannot be used; one line, ready for the user
     */
    public static GuestMemory inFile(Path path, long sizeBytes) {
        return map(BackingFile.named(path, sizeBytes), sizeBytes);
    }

    private static GuestMemory map(HostFile file, long sizeBytes) {
        try {
            return new GuestMemory(file, sizeBytes);
        } catch (HostCallException e) {
            file.close();
            throw new GuestMemoryException(
                    "cannot map guest memory: file="
                            + file.name()
                            + ", sizeBytes="
                            + MemorySize.format(sizeBytes)
                            + ", "
                            + e.errnoFact(),
                    e);
        }
    }

    /** Bytes of RAM. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** The regions in ascending order of GPA. */
    public List<MemoryRegion> regions() {
        return regions;
    }

    /**
     * The RAM file's descriptor, only for mapping guest memory into the processes that run the
     * guest (and for handing it to them). Owned by this object.
     */
    public HostFile backingFd() {
        return file;
    }

    /** Whether a byte is RAM. */
    public boolean isRam(long gpa) {
        return contiguousBytes(gpa) > 0;
    }

    /** Whether a whole range lies in one region. */
    public boolean isRam(long gpa, long lengthBytes) {
        return lengthBytes >= 0 && contiguousBytes(gpa) >= lengthBytes && isRam(gpa);
    }

    /** Bytes from an address to the end of its region; 0 if it is not RAM. */
    public long contiguousBytes(long gpa) {
        if (gpa >= 0 && gpa < lowEndGpa) {
            return lowEndGpa - gpa;
        }
        if (gpa >= HOLE_END_GPA && gpa < highEndGpa) {
            return highEndGpa - gpa;
        }
        return 0;
    }

    /** Where an address lies in the RAM file; -1 if it is not RAM. */
    public long gpaToFileOffset(long gpa) {
        if (gpa >= 0 && gpa < lowEndGpa) {
            return gpa;
        }
        if (gpa >= HOLE_END_GPA && gpa < highEndGpa) {
            return gpa - HOLE_END_GPA + HOLE_START_GPA;
        }
        return -1;
    }

    /** The address of a byte of the RAM file; -1 outside it. */
    public long fileOffsetToGpa(long offsetBytes) {
        if (offsetBytes < 0 || offsetBytes >= sizeBytes) {
            return -1;
        }
        return offsetBytes < HOLE_START_GPA
                ? offsetBytes
                : offsetBytes - HOLE_START_GPA + HOLE_END_GPA;
    }

    private long gpaToHva(long gpa, long lengthBytes) {
        if (gpa >= 0 && gpa <= lowEndGpa - lengthBytes) {
            return baseHva + gpa;
        }
        if (gpa >= HOLE_END_GPA && gpa <= highEndGpa - lengthBytes) {
            return baseHva + (gpa - HOLE_END_GPA + HOLE_START_GPA);
        }
        throw new MemoryAccessException(gpa, lengthBytes);
    }

    // ---- Plain access ------------------------------------------------------------------------

    /** The byte at an address. */
    public byte getByte(long gpa) {
        return MEMORY.getByte(gpaToHva(gpa, 1));
    }

    /** The 16-bit word at an address. */
    public short getShort(long gpa) {
        return MEMORY.getShort(gpaToHva(gpa, 2));
    }

    /** The 32-bit word at an address. */
    public int getInt(long gpa) {
        return MEMORY.getInt(gpaToHva(gpa, 4));
    }

    /** The 64-bit word at an address. */
    public long getLong(long gpa) {
        return MEMORY.getLong(gpaToHva(gpa, 8));
    }

    /** Stores a byte. */
    public void setByte(long gpa, byte value) {
        MEMORY.putByte(gpaToHva(gpa, 1), value);
    }

    /** Stores a 16-bit word. */
    public void setShort(long gpa, short value) {
        MEMORY.putShort(gpaToHva(gpa, 2), value);
    }

    /** Stores a 32-bit word. */
    public void setInt(long gpa, int value) {
        MEMORY.putInt(gpaToHva(gpa, 4), value);
    }

    /** Stores a 64-bit word. */
    public void setLong(long gpa, long value) {
        MEMORY.putLong(gpaToHva(gpa, 8), value);
    }

    // ---- Ordered and atomic access -----------------------------------------------------------

    /** Reads; later accesses of this thread stay behind it. */
    public int getIntAcquire(long gpa) {
        int value = MEMORY.getInt(alignedHva(gpa, 4));
        VarHandle.acquireFence();
        return value;
    }

    /** Reads; later accesses of this thread stay behind it. */
    public short getShortAcquire(long gpa) {
        short value = MEMORY.getShort(alignedHva(gpa, 2));
        VarHandle.acquireFence();
        return value;
    }

    /** Reads; later accesses of this thread stay behind it. */
    public long getLongAcquire(long gpa) {
        long value = MEMORY.getLong(alignedHva(gpa, 8));
        VarHandle.acquireFence();
        return value;
    }

    /** Stores; earlier accesses of this thread stay before it. */
    public void setShortRelease(long gpa, short value) {
        VarHandle.releaseFence();
        MEMORY.putShort(alignedHva(gpa, 2), value);
    }

    /** Stores; earlier accesses of this thread stay before it. */
    public void setIntRelease(long gpa, int value) {
        VarHandle.releaseFence();
        MEMORY.putInt(alignedHva(gpa, 4), value);
    }

    /** Stores; earlier accesses of this thread stay before it. */
    public void setLongRelease(long gpa, long value) {
        VarHandle.releaseFence();
        MEMORY.putLong(alignedHva(gpa, 8), value);
    }

    /** Atomic compare-and-set with volatile order. */
    public boolean compareAndSetInt(long gpa, int expected, int value) {
        long offset = alignedOffset(gpa, 4);
        return INTS.compareAndSet(chunk(offset), (int) (offset & CHUNK_MASK), expected, value);
    }

    /** Atomic compare-and-set with volatile order. */
    public boolean compareAndSetLong(long gpa, long expected, long value) {
        long offset = alignedOffset(gpa, 8);
        return LONGS.compareAndSet(chunk(offset), (int) (offset & CHUNK_MASK), expected, value);
    }

    /** Atomic or; returns the old value. */
    public int getAndBitwiseOrInt(long gpa, int mask) {
        long offset = alignedOffset(gpa, 4);
        return (int) INTS.getAndBitwiseOr(chunk(offset), (int) (offset & CHUNK_MASK), mask);
    }

    /** Atomic or; returns the old value. */
    public long getAndBitwiseOrLong(long gpa, long mask) {
        long offset = alignedOffset(gpa, 8);
        return (long) LONGS.getAndBitwiseOr(chunk(offset), (int) (offset & CHUNK_MASK), mask);
    }

    private ByteBuffer chunk(long offsetBytes) {
        return chunks[(int) (offsetBytes >>> CHUNK_SHIFT)];
    }

    private long alignedHva(long gpa, int widthBytes) {
        checkAligned(gpa, widthBytes);
        return gpaToHva(gpa, widthBytes);
    }

    private long alignedOffset(long gpa, int widthBytes) {
        checkAligned(gpa, widthBytes);
        return gpaToHva(gpa, widthBytes) - baseHva;
    }

    private static void checkAligned(long gpa, int widthBytes) {
        if ((gpa & (widthBytes - 1)) != 0) {
            throw new IllegalArgumentException(
                    "ordered access not aligned: gpa=0x"
                            + Long.toHexString(gpa)
                            + ", widthBytes="
                            + widthBytes);
        }
    }

    // ---- Ranges ------------------------------------------------------------------------------

    /** Copies guest RAM into an array. */
    public void read(long gpa, byte[] into, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, into.length);
        MEMORY.getByteArray(gpaToHva(gpa, length), into, offset, length);
    }

    /** Copies an array into guest RAM. */
    public void write(long gpa, byte[] from, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, from.length);
        MEMORY.putByteArray(gpaToHva(gpa, length), from, offset, length);
    }

    /** Copies a whole array into guest RAM. */
    public void write(long gpa, byte[] from) {
        write(gpa, from, 0, from.length);
    }

    /** A copy of a range of guest RAM. */
    public byte[] read(long gpa, int length) {
        gpaToHva(gpa, length); // before the allocation, which a wild length would make fail
        byte[] bytes = new byte[length];
        read(gpa, bytes, 0, length);
        return bytes;
    }

    /** Sets a range to one byte value. */
    public void fill(long gpa, long lengthBytes, byte value) {
        if (lengthBytes < 0) {
            throw new MemoryAccessException(gpa, lengthBytes);
        }
        MEMORY.setMemory(gpaToHva(gpa, lengthBytes), lengthBytes, value);
    }

    /** Copies inside guest RAM; the ranges may overlap. */
    public void copy(long fromGpa, long toGpa, long lengthBytes) {
        if (lengthBytes < 0) {
            throw new MemoryAccessException(fromGpa, lengthBytes);
        }
        MEMORY.memmove(gpaToHva(toGpa, lengthBytes), gpaToHva(fromGpa, lengthBytes), lengthBytes);
    }

    /**
     * A little-endian view of a range inside one region, without copying. It must not be used after
     * {@link #close()}.
     */
    public ByteBuffer slice(long gpa, int lengthBytes) {
        if (lengthBytes < 0) {
            throw new MemoryAccessException(gpa, lengthBytes);
        }
        return MEMORY.newDirectByteBuffer(gpaToHva(gpa, lengthBytes), lengthBytes)
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Unmaps RAM here and closes the file. A second call does nothing. */
    @Override
    public void close() {
        if (lowEndGpa != 0) {
            lowEndGpa = 0;
            highEndGpa = 0;
            HostCalls.munmap(baseHva, sizeBytes);
            file.close();
        }
    }
}
