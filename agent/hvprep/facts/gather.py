"""All facts, read once: nothing in them can be altered by a change of a plan."""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.facts.architecture import Architecture, probe_architecture
from hvprep.facts.block_devices import Storage, probe_storage
from hvprep.facts.boot_loaders import BootLoader, probe_boot_loaders
from hvprep.facts.generation import Generations, probe_generations
from hvprep.facts.initrd_tools import InitrdTool, probe_initrd_tools
from hvprep.facts.initrds import Initrd, probe_initrds
from hvprep.facts.kernels import Kernel, probe_kernels
from hvprep.facts.live import LiveFacts, probe_live
from hvprep.facts.other_loaders import OtherLoader, find_deployment, probe_other_loaders
from hvprep.facts.platform import Platform, PlatformKind
from hvprep.facts.root_volume import RootVolume, probe_root_volume
from hvprep.facts.ssh_server import SshServer, probe_ssh_server
from hvprep.facts.tools import GrubTool, probe_grub_tool
from hvprep.facts.unified_images import UnifiedImage, probe_unified_images
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.system.runner import Runner


@dataclass(frozen=True)
class ImageFacts:
    """What the files of a system tell, running or not. Several `initrd_tools` or `boot_loaders` mean that
    nothing tells which one it is. `deployment` is the sign of another program that makes /usr and the boot
    entries anew with each of its updates, so that no boot loader is ours; None for a system of its own."""

    architecture: Architecture
    kernels: tuple[Kernel, ...]
    initrds: tuple[Initrd, ...]
    initrd_tools: tuple[InitrdTool, ...]
    grub: GrubTool | None
    boot_loaders: tuple[BootLoader, ...]
    unified_images: tuple[UnifiedImage, ...]
    other_loaders: tuple[OtherLoader, ...]
    deployment: GuestPath | None
    root_volume: RootVolume
    generations: Generations
    ssh_server: SshServer | None

    @property
    def initrd_tool(self) -> InitrdTool | None:
        """The one program that makes the initrds."""
        return self.initrd_tools[0] if len(self.initrd_tools) == 1 else None

    @property
    def all_kernels(self) -> tuple[Kernel, ...]:
        """Those in unified kernel images too."""
        within = (image.kernel for image in self.unified_images if image.kernel is not None)
        return (*self.kernels, *within)

    def initrd_at(self, path: GuestPath | None) -> Initrd | None:
        """What was read of the initrd at `path`."""
        return next((initrd for initrd in self.initrds if initrd.path == path), None)


@dataclass(frozen=True)
class Facts:
    """`live` is None where the system's kernel is not running: an image, a chroot, a container.

    `platform` is where we are; None for an image, which is nowhere yet. `storage` are the disks of the
    running system; None as `live` is.
    """

    image: ImageFacts
    live: LiveFacts | None
    platform: Platform | None
    storage: Storage | None = None


def gather(view: View, is_live: bool, settings: Settings, runner: Runner | None = None) -> Facts:
    """Read the machine that `view` shows; `settings` overrule what it says of itself.

    `is_live` says that it is the root of this process. In a chroot or a container the kernel that runs is
    not this system's, so it is then taken for an image all the same. `runner` starts those few programs that
    judge a configuration of their own; without one they are not asked.
    """
    live = probe_live(view) if is_live else None
    platform = live.platform if live is not None else None
    if live is not None and (live.in_chroot or live.platform.kind is PlatformKind.CONTAINER):
        live = None
    kernels = probe_kernels(view)
    grub = probe_grub_tool(view)
    unified, deployment = probe_unified_images(view), find_deployment(view)
    loaders = () if deployment else probe_boot_loaders(view, grub, unified)
    architecture = probe_architecture(view, settings)
    image = ImageFacts(
        architecture=architecture,
        kernels=kernels,
        initrds=probe_initrds(view, [path for kernel in kernels for path in kernel.initrds]),
        initrd_tools=probe_initrd_tools(view),
        grub=grub,
        boot_loaders=loaders,
        unified_images=unified,
        other_loaders=probe_other_loaders(view),
        deployment=deployment,
        root_volume=probe_root_volume(view, live),
        generations=probe_generations(view, live, loaders, settings),
        ssh_server=probe_ssh_server(view, architecture, runner),
    )
    return Facts(image, live, platform, probe_storage(view) if live is not None else None)
