//! What the program can do, in the order of the usage text, and who does it.

use crate::actions;
use crate::grammar::Part::{All, Group as Options, Many, Maybe, One, OneOf, Program};
use crate::grammar::Verb::{Action, Show, Version};
use crate::grammar::options::*;
use crate::grammar::{Given, Grammar, Group, Part};
use crate::report::Outcome;

/// Does what a row says.
pub(crate) type Handler = fn(Given) -> Outcome;

type Row = crate::grammar::Row<Handler>;

/// The grammar of the command line.
pub(crate) static GRAMMAR: Grammar<Handler> = Grammar { rows: ROWS, everywhere: &EVERYWHERE };

/// How a container is made.
static CREATE_OPTIONS: Group = Group {
    name: "create options",
    parts: &[
        Many(&VOLUME),
        Maybe(&One(&HOSTNAME)),
        Maybe(&One(&NETWORK)),
        Maybe(&One(&HOST_ETH)),
        Maybe(&One(&VIP)),
        Maybe(&One(&VIP6)),
        Maybe(&One(&PORT_MAPPING)),
        Maybe(&One(&LOG_SIZE)),
        Maybe(&One(&RESTART)),
        Maybe(&One(&STOP_SIGNAL)),
        Options(&SANDBOX_OPTIONS),
    ],
};

/// What the container's programs may do.
static SANDBOX_OPTIONS: Group = Group {
    name: "sandbox",
    parts: &[
        Many(&CAP_ADD),
        Many(&CAP_DROP),
        Maybe(&One(&PRIVILEGED)),
        Maybe(&One(&NO_NEW_PRIVS)),
        Maybe(&One(&SECCOMP)),
        Maybe(&One(&USERNS)),
        Maybe(&One(&READ_ONLY)),
        Many(&TMPFS),
    ],
};

/// How much an archive may ask for.
static IMPORT_LIMITS: Group = Group {
    name: "import limits",
    parts: &[
        Maybe(&One(&MAX_BYTES)),
        Maybe(&One(&MAX_ENTRIES)),
        Maybe(&One(&MAX_RATIO)),
        Maybe(&One(&NO_DEVICES)),
    ],
};

/// Where the ssh image repository is.
static REPOSITORY_OPTIONS: Group =
    Group { name: "srepo options", parts: &[Maybe(&One(&REPOSITORY)), Maybe(&One(&SSH))] };

/// What a container may use.
static CGROUP_OPTIONS: Group = Group {
    name: "cgroup options",
    parts: &[
        Maybe(&One(&CPUS)),
        Maybe(&One(&CPU_QUOTA)),
        Maybe(&One(&MEM_LIMIT)),
        Maybe(&One(&PIDS_LIMIT)),
        Maybe(&One(&MEM_RESERVATION)),
        Maybe(&One(&CPU_WEIGHT)),
        Maybe(&One(&IO_WEIGHT)),
        Many(&IO_MAX),
    ],
};

/// What every row takes.
static EVERYWHERE: [Group; 2] = [
    Group { name: "enable debug", parts: &[Maybe(&One(&DEBUG))] },
    Group { name: "for scripts", parts: &[Maybe(&One(&JSON))] },
];

/// What may be said about a container that boots: a session in it, or its root process.
const BOOT_OPTIONS: Part =
    Maybe(&OneOf(&[One(&ATTACH), All(&[OneOf(&[One(&EXEC), Program]), Maybe(&One(&WAIT))])]));

/// The same where the container is made by the same command, and may go with it.
const CREATE_AND_BOOT_OPTIONS: Part = Maybe(&OneOf(&[
    One(&ATTACH),
    All(&[OneOf(&[One(&EXEC), Program]), Maybe(&OneOf(&[One(&WAIT), One(&REMOVE)]))]),
]));

static ROWS: &[Row] = &[
    Row { verb: Version, about: "print the version of the program", parts: &[], run: actions::show::version },
    Row { verb: Show("images"), about: "list the images", parts: &[], run: actions::show::images },
    Row {
        verb: Show("containers"),
        about: "list the containers and their states",
        parts: &[],
        run: actions::show::containers,
    },
    Row {
        verb: Show("container_root"),
        about: "print where the root of a container is on the host while it runs",
        parts: &[One(&CONTAINER)],
        run: actions::show::container_root,
    },
    Row {
        verb: Show("inspect"),
        about: "print all that is known of a container, as JSON",
        parts: &[One(&CONTAINER)],
        run: actions::show::inspect,
    },
    Row {
        verb: Show("top"),
        about: "list the processes of a running container",
        parts: &[One(&CONTAINER)],
        run: actions::show::top,
    },
    Row {
        verb: Show("runs"),
        about: "list the detached runs of a container: those that run, and the last that have ended",
        parts: &[One(&CONTAINER)],
        run: actions::logs::runs,
    },
    Row {
        verb: Show("logs"),
        about: "print what the program of a container and detached runs have printed, each stream on its own",
        parts: &[
            One(&CONTAINER),
            Maybe(&One(&RUN)),
            Maybe(&One(&FOLLOW)),
            Maybe(&One(&SINCE)),
            Maybe(&One(&TAIL)),
        ],
        run: actions::logs::show,
    },
    Row {
        verb: Show("stats"),
        about: "print what running containers use; on a terminal again every second, until Ctrl-C",
        parts: &[Maybe(&One(&CONTAINER))],
        run: actions::resources::stats,
    },
    Row {
        verb: Show("events"),
        about: "tell what happens to containers as it happens, until Ctrl-C",
        parts: &[Maybe(&One(&CONTAINER))],
        run: actions::events::follow,
    },
    Row {
        verb: Show("ssearch"),
        about: "list the images of the ssh image repository",
        parts: &[Maybe(&One(&MATCH)), Options(&REPOSITORY_OPTIONS)],
        run: actions::repository::search,
    },
    Row {
        verb: Show("bridge"),
        about: "print name and addresses of the bridge",
        parts: &[],
        run: actions::network::show_bridge,
    },
    Row {
        verb: Show("doctor"),
        about: "tell what this host offers containers, and what does not work without the rest",
        parts: &[],
        run: actions::show::doctor,
    },
    Row {
        verb: Action("create"),
        about: "make a container from images",
        parts: &[
            One(&IMAGES),
            Options(&CREATE_OPTIONS),
            Maybe(&One(&CONTAINER)),
            Maybe(&All(&[One(&BOOT), Options(&CGROUP_OPTIONS), CREATE_AND_BOOT_OPTIONS])),
        ],
        run: actions::lifecycle::create,
    },
    Row {
        verb: Action("boot"),
        about: "start a container, or all that are to run",
        parts: &[OneOf(&[
            All(&[One(&CONTAINER), Maybe(&One(&LOG_SIZE)), Options(&CGROUP_OPTIONS), BOOT_OPTIONS]),
            One(&ALL_RESTART),
        ])],
        run: actions::lifecycle::boot,
    },
    Row {
        verb: Action("attach"),
        about: "open a login shell in a running container",
        parts: &[One(&CONTAINER)],
        run: actions::session::attach,
    },
    Row {
        verb: Action("run"),
        about: "run a command in a running container and end with its exit code",
        parts: &[
            One(&CONTAINER),
            Maybe(&OneOf(&[One(&ATTACH), One(&DETACH)])),
            Maybe(&One(&USER)),
            Many(&ENVIRONMENT),
            Many(&ENVIRONMENT_FILE),
            Maybe(&One(&DIRECTORY)),
            Maybe(&One(&TIMEOUT)),
            OneOf(&[One(&COMMAND), Program]),
        ],
        run: actions::session::run,
    },
    Row {
        verb: Action("rplfile"),
        about: "replace the keys in a file of a container by values",
        parts: &[One(&CONTAINER), One(&TEMPLATE_FILE), One(&MAPPING_FILE), Maybe(&One(&INSTANCE_FILE))],
        run: actions::files::replace,
    },
    Row {
        verb: Action("putfile"),
        about: "copy a file or a directory into a container, running or not, as cp -a does",
        parts: &[One(&CONTAINER), One(&SRC_FILE), One(&DST_FILE), Options(&IMPORT_LIMITS)],
        run: actions::files::put,
    },
    Row {
        verb: Action("getfile"),
        about: "copy a file or a directory out of a container, running or not, as cp -a does",
        parts: &[One(&CONTAINER), One(&SRC_FILE), One(&DST_FILE)],
        run: actions::files::get,
    },
    Row {
        verb: Action("limit"),
        about: "change what a container may use: at once if it runs, and whenever it is booted later",
        parts: &[One(&CONTAINER), Options(&CGROUP_OPTIONS)],
        run: actions::resources::limit,
    },
    Row {
        verb: Action("restart_policy"),
        about: "say whether a stopped container is started again when it has ended by itself, once it is booted",
        parts: &[One(&CONTAINER), One(&RESTART)],
        run: actions::lifecycle::restart_policy,
    },
    Row {
        verb: Action("shutdown"),
        about: "ask a container to end, and see that it does",
        parts: &[One(&CONTAINER), Maybe(&One(&TIME)), Maybe(&One(&FORCELY))],
        run: actions::lifecycle::shutdown,
    },
    Row {
        verb: Action("kill"),
        about: "end a container at once, or send it a signal",
        parts: &[One(&CONTAINER), Maybe(&One(&SIGNAL)), Maybe(&One(&FORCELY))],
        run: actions::lifecycle::kill,
    },
    Row {
        verb: Action("wait"),
        about: "wait for the end of a container, or of a detached run, print its exit code and end with it",
        parts: &[One(&CONTAINER), Maybe(&One(&RUN))],
        run: actions::lifecycle::wait,
    },
    Row {
        verb: Action("destroy"),
        about: "remove a container and all that was changed in it",
        parts: &[One(&CONTAINER), Maybe(&One(&FORCELY)), Maybe(&One(&SHUTDOWN))],
        run: actions::lifecycle::destroy,
    },
    Row {
        verb: Action("vip"),
        about: "give a stopped container another address on the bridge",
        parts: &[One(&CONTAINER), OneOf(&[One(&VIP), One(&VIP6)])],
        run: actions::network::vip,
    },
    Row {
        verb: Action("port_mapping"),
        about: "map other ports of the host into a stopped container",
        parts: &[One(&CONTAINER), One(&PORT_MAPPING)],
        run: actions::network::port_mapping,
    },
    Row {
        verb: Action("volume"),
        about: "give a stopped container other volumes in the place of those that it has; none without --volume",
        parts: &[One(&CONTAINER), Many(&VOLUME)],
        run: actions::volume::volume,
    },
    Row {
        verb: Action("bridge"),
        about: "choose name and addresses of the bridge, while no container is connected",
        parts: &[Maybe(&One(&BRIDGE)), Maybe(&One(&SUBNET)), Maybe(&One(&SUBNET6))],
        run: actions::network::bridge,
    },
    Row {
        verb: Action("version"),
        about: "give an image another version, or none",
        parts: &[One(&IMAGE), Maybe(&One(&VERSION)), Maybe(&One(&FORCELY))],
        run: actions::image::version,
    },
    Row {
        verb: Action("to_image"),
        about: "make a stopped container an image; there is no container then",
        parts: &[One(&FROM_CONTAINER), Maybe(&One(&VERSION)), One(&TO_IMAGE)],
        run: actions::image::to_image,
    },
    Row {
        verb: Action("to_container"),
        about: "make an image a container, to change it; there is no image then",
        parts: &[
            One(&FROM_IMAGE),
            Maybe(&One(&IMAGES)),
            Options(&CREATE_OPTIONS),
            One(&TO_CONTAINER),
            Maybe(&One(&FORCELY)),
        ],
        run: actions::image::to_container,
    },
    Row {
        verb: Action("copy_image"),
        about: "copy an image",
        parts: &[One(&FROM_IMAGE), One(&TO_IMAGE)],
        run: actions::image::copy,
    },
    Row {
        verb: Action("del_image"),
        about: "delete an image",
        parts: &[One(&IMAGE), Maybe(&One(&FORCELY))],
        run: actions::image::delete,
    },
    Row {
        verb: Action("import"),
        about: "make an image of an archive",
        parts: &[One(&IMAGE_FILE), Options(&IMPORT_LIMITS)],
        run: actions::archive::import,
    },
    Row {
        verb: Action("export"),
        about: "write an image as an archive into the current directory",
        parts: &[One(&IMAGE), Maybe(&One(&WHITEOUTS)), Maybe(&One(&FORCELY))],
        run: actions::archive::export,
    },
    Row {
        verb: Action("spush"),
        about: "send an image to the ssh image repository; what is there already is not sent",
        parts: &[One(&IMAGE), Options(&REPOSITORY_OPTIONS), Maybe(&One(&FORCELY))],
        run: actions::repository::push,
    },
    Row {
        verb: Action("spull"),
        about: "take an image from the ssh image repository; what is here already is not fetched",
        parts: &[One(&IMAGE), Options(&REPOSITORY_OPTIONS), Options(&IMPORT_LIMITS), Maybe(&One(&FORCELY))],
        run: actions::repository::pull,
    },
    Row {
        verb: Action("install_test"),
        about: "make the small image `test` to play with",
        parts: &[Maybe(&One(&VERSION)), Maybe(&One(&SOURCE))],
        run: actions::image::install_test,
    },
];
