"""What must be true of identities and of the books about them.

The build itself proves that identifiers are in one component and components not too large, on what
it changes; here the whole tables are looked at, so sentences are such that one scan decides them.
"""

from assets.checks.expectation import Suite, is_given, is_one_of, never, rarely
from unmogrowp.identity.identifiers import IdentifierKind

KINDS = tuple(kind.value for kind in IdentifierKind)
CUTS = ("too_many_neighbours", "too_large_component")
_ATTACHING = "kind IN ('user_id', 'hashed_email')"

LINKS = Suite(
    "clean.identity_links",
    "",
    (
        is_given("app_id"),
        is_given("node"),
        is_given("other"),
        is_one_of("side", ("device", "identifier")),
        is_one_of("kind", KINDS),
        never("nothing is found through a person", f"side = 'identifier' AND {_ATTACHING}"),
        rarely(
            "a device is known by an anonymous id only",
            "side = 'device' AND kind = 'anonymous_id' AND node = other",
            share=0.9,
        ),
    ),
    is_final=True,
)

IDENTITIES = Suite(
    "clean.identities",
    "",
    (
        is_given("app_id"),
        is_given("identifier"),
        is_given("component_key"),
        is_one_of("kind", KINDS),
        is_one_of("role", ("joined", "attached", "shared")),
        is_one_of("cut", ("", *CUTS)),
        never("a person is attached and never joined", f"(role = 'attached') != ({_ATTACHING})"),
        never("only what was cut is shared", "role = 'shared' AND cut = ''"),
        never(
            "what was cut is alone",
            "role = 'joined' AND cut != '' AND identifier != component_key",
        ),
        never(
            "no e-mail address is kept", f"{_ATTACHING} AND match(identifier, '^[^@ ]+@[^@ ]+[.]')"
        ),
        rarely("an identifier was cut", "role = 'joined' AND cut != ''", share=0.01),
    ),
    is_final=True,
)

BUILDS = Suite(
    "audit.identity_builds",
    "",
    (
        is_one_of("state", ("planned", "built")),
        never("a build reads what was not read before", "through_seq < after_seq"),
        rarely("a build reads everything anew", "is_full", share=0.1),
    ),
)

IDENTITY_CUTS = Suite(
    "audit.identity_cuts",
    "",
    (
        is_given("identifier"),
        is_one_of("kind", KINDS),
        is_one_of("reason", CUTS),
        rarely("a component was too large without a hub", "component_size > 0", share=0.9),
    ),
)

RESTATEMENTS = Suite(
    "audit.restatements",
    "",
    (
        is_given("install_id"),
        is_given("from_component"),
        is_one_of(
            "reason",
            ("merged", "split", "renumbered", "fraud_confirm", "fraud_dismiss", "fraud_undo"),
        ),
        never(
            "what a person decided names the decision",
            "startsWith(reason, 'fraud_') != (caused_by != '')",
        ),
        never("an install has a number or is none", "(to_component = '') != (to_ordinal = 0)"),
        rarely("a restated install is none any more", "to_component = ''", share=0.5),
    ),
)

REBUILT_DEVICES = Suite(
    "audit.rebuilt_devices",
    "",
    (
        is_given("app_id"),
        is_given("device_key"),
        rarely("a rebuild changes a device once more", "landing_seq = 0", share=0.5),
    ),
)

SUITES = (LINKS, IDENTITIES, BUILDS, IDENTITY_CUTS, RESTATEMENTS, REBUILT_DEVICES)
