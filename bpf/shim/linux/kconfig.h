/* SPDX-License-Identifier: GPL-2.0 */
/* bcc includes this before anything else, and asks for BPF_SYSCALL. */
#ifndef NETOP_SHIM_KCONFIG_H
#define NETOP_SHIM_KCONFIG_H

#define CONFIG_BPF_SYSCALL 1

/* bcc brings a linux/bpf.h of its own; the system's would be a second one. */
#define __LINUX_BPF_H__

#include <linux/types.h>
#include <linux/stddef.h>

#endif
