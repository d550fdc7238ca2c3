"""The operations by what they change: rules of a kernel, sysctls, links, instances, a Docker daemon."""

from typing import TypeAlias

from homelab.model import operation as op

Rule: TypeAlias = (
    op.AddRoute
    | op.DeleteRoute
    | op.MarkRoute
    | op.ForgetConnections
    | op.AddFilterRule
    | op.DeleteFilterRule
    | op.SetIngressFilter
    | op.DeleteIngressFilter
)
Setting: TypeAlias = (
    op.SetSysctl
    | op.KeepSysctl
    | op.ForgetSysctl
    | op.KeepRoute
    | op.ForgetRoute
    | op.KeepFilter
    | op.ForgetFilter
)
OfInstance: TypeAlias = op.SetInstanceConfig | op.SetInstanceDevice | op.RestartInstance
OfLink: TypeAlias = op.SetOwnedLink | op.SetPort | op.SetCard
OfDocker: TypeAlias = (
    op.CreateDockerNetwork
    | op.RemoveDockerNetwork
    | op.ConnectContainer
    | op.DisconnectContainer
    | op.StartContainer
)
