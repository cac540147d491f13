// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import java.util.Locale;

/**
 * Names of the host's error numbers.
 *
 * <p>Source: Linux v6.1 {@code include/uapi/asm-generic/errno-base.h} and {@code errno.h}.
 */
public final class Errno {
    /** The largest error number a system call returns; results in [-4095, -1] are errors. */
    public static final int MAX_ERRNO = 4095;

    private static final String[] NAMES =
            ("0 EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES"
                            + " EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE"
                            + " ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK"
                            + " ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP 41 ENOMSG EIDRM ECHRNG EL2NSYNC"
                            + " EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC"
                            + " EBADSLT 58 EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK"
                            + " EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD"
                            + " EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE"
                            + " EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT"
                            + " ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE"
                            + " EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS"
                            + " EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN"
                            + " EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM"
                            + " EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED"
                            + " EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON")
                    .split(" ", -1);

    private Errno() {}

    /** Whether a raw system-call result is a negative error number. */
    public static boolean isError(long result) {
        return result < 0 && result >= -MAX_ERRNO;
    }

    /** The symbolic name, or {@code errno} and the number where there is none. */
    public static String name(int errno) {
        if (errno > 0 && errno < NAMES.length && NAMES[errno].charAt(0) == 'E') {
            return NAMES[errno];
        }
        return String.format(Locale.ROOT, "errno%d", errno);
    }

    /** The number of a symbolic name, or -1. */
    public static int number(String name) {
        for (int errno = 1; errno < NAMES.length; errno++) {
            if (NAMES[errno].equals(name)) {
                return errno;
            }
        }
        return -1;
    }
}
