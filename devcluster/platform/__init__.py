"""The local platform: registry, builder, object store and a one-node Kubernetes, in namespaces.

Everything runs in a network, mount and process namespace of its own. What a part makes (an
interface, an iptables rule, a mount, a child process) exists only in there and ends with it, so
nothing is left behind and nothing of this machine is touched; no port of this machine is needed.
"""
