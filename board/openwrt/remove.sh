#!/bin/sh
# Before the package goes: takes away what the agent has added to the system's settings. Identity
# and settings of the node itself (/etc/kith, /etc/config/kith) stay, for whoever comes back.

/etc/init.d/kith stop >/dev/null 2>&1
/etc/init.d/kith disable >/dev/null 2>&1

for section in network.kith firewall.kith firewall.kith_lan firewall.lan_kith \
	firewall.kith_wan firewall.kith_port; do
	uci -q delete "$section"
done

for option in server rebind_domain; do
	for value in $(uci -q get "dhcp.@dnsmasq[0].$option"); do
		case "$value" in
		/kith/*) uci -q del_list "dhcp.@dnsmasq[0].$option=$value" ;;
		esac
	done
done

for package in network firewall dhcp; do
	[ -z "$(uci -q changes $package)" ] && continue
	uci -q commit $package
	case $package in
	network) ubus -t 5 call network reload >/dev/null 2>&1 ;;
	firewall) /etc/init.d/firewall reload >/dev/null 2>&1 ;;
	dhcp) /etc/init.d/dnsmasq restart >/dev/null 2>&1 ;;
	esac
done

# only there after a crash
nft delete table inet kith 2>/dev/null
rm -rf /var/run/kith
exit 0
