// SPDX-License-Identifier: Apache-2.0
// A library with one call site; NUMBER is the system call's. rewritten.c loads two of them at the same address.
#define STR_(x) #x
#define STR(x) STR_(x)
asm(".globl site\n.type site,@function\nsite: mov $" STR(NUMBER) ",%eax; syscall; ret\n");
