// SPDX-License-Identifier: GPL-2.0
/*
 * Yardsticks for the router, for bcc: the least that a program can do, and the least that
 * forwards. `count_and_drop` is the end of the road where only forwarding is measured, and
 * `deliver` hands what a test run generates to the stack as if a driver had received it.
 */
#include <uapi/linux/bpf.h>
#include <uapi/linux/if_ether.h>
#include <uapi/linux/ip.h>
#include <uapi/linux/ipv6.h>
#include <uapi/linux/pkt_cls.h>
#include <asm/byteorder.h>

/* Ethernet's header and IP's, or what of the payload stands in its place. */
struct headers {
	__u8 byte[56];
};

BPF_PERCPU_ARRAY(arrived, __u64, 1);
BPF_ARRAY(headers, struct headers, 1);

static long (*redirect_neigh)(__u32 ifindex, struct bpf_redir_neigh *hop, int size,
			      __u64 flags) = (void *)152;

int nothing(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

int lookup_and_redirect(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bpf_fib_lookup route = {.ifindex = skb->ifindex};
	struct bpf_redir_neigh hop = {};

	if (skb->protocol == __constant_htons(ETH_P_IP)) {
		struct iphdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end)
			return TC_ACT_UNSPEC;
		route.family = 2;
		route.tos = ip->tos;
		route.l4_protocol = ip->protocol;
		route.tot_len = __be16_to_cpu(ip->tot_len);
		route.ipv4_src = ip->saddr;
		route.ipv4_dst = ip->daddr;
	} else if (skb->protocol == __constant_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end)
			return TC_ACT_UNSPEC;
		route.family = 10;
		route.flowinfo = *(__be32 *)ip & __constant_htonl(0x0fffffff);
		route.l4_protocol = ip->nexthdr;
		route.tot_len = __be16_to_cpu(ip->payload_len) + 40;
		__builtin_memcpy(route.ipv6_src, &ip->saddr, sizeof(route.ipv6_src));
		__builtin_memcpy(route.ipv6_dst, &ip->daddr, sizeof(route.ipv6_dst));
	} else {
		return TC_ACT_UNSPEC;
	}
	if (bpf_fib_lookup(skb, &route, sizeof(route), BPF_FIB_LOOKUP_DIRECT))
		return TC_ACT_UNSPEC;
	hop.nh_family = route.family;
	__builtin_memcpy(hop.ipv6_nh, route.ipv6_dst, sizeof(hop.ipv6_nh));
	return redirect_neigh(route.ifindex, &hop, sizeof(hop), 0);
}

int count_and_drop(struct __sk_buff *skb)
{
	__u32 slot = 0;
	__u64 *count = arrived.lookup(&slot);

	if (count)
		*count += 1;
	return TC_ACT_SHOT;
}

/* One of 256 destinations; IPv4's identification keeps the checksum right. */
static __always_inline void spread(__u8 *data)
{
	__u8 number = bpf_get_prandom_u32();

	if (((struct ethhdr *)data)->h_proto == __constant_htons(ETH_P_IP)) {
		data[ETH_HLEN + 5] = 255 - number;
		data[ETH_HLEN + 19] = number;
	} else {
		data[ETH_HLEN + 39] = number;
	}
}

int deliver(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 slot = 0;
	struct headers *fresh = headers.lookup(&slot);

	/* The frames come round again as the stack left them: with other MACs, a lower TTL. */
	if (!fresh || data + sizeof(*fresh) > end)
		return XDP_DROP;
	__builtin_memcpy(data, fresh, sizeof(*fresh));
	spread(data);
	return XDP_PASS;
}
