/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NETOP_SHIM_STDDEF_H
#define NETOP_SHIM_STDDEF_H

#include <uapi/linux/stddef.h>

#define NULL ((void *)0)
#define true 1
#define false 0
#define offsetof(type, member) __builtin_offsetof(type, member)

#endif
