"""FATE's IntersectParam and the classes in it, of all its versions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from federation.components.params import Params, choice
from federation.protocols.psi import EcdhOptions, FilterOptions, RawOptions, RsaOptions
from federation.spec.party import Role

if TYPE_CHECKING:
    Hash = str
    Side = str
else:
    Hash = choice("none", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sm3")
    Side = choice("guest", "host")


class RSAParam(Params):
    """How ids are signed blindly."""

    salt: str = ""
    hash_method: Hash = "sha256"
    final_hash_method: Hash = "sha256"
    split_calculation: bool = Field(False, description="accepted; the host signs all, same result")
    random_base_fraction: float | None = Field(None, description="accepted, no effect")
    key_length: int = Field(2048, ge=1, le=8192, description="at least 2048 bits are used")
    random_bit: int = Field(128, description="accepted; blinds are as long as the key")

    @field_validator("final_hash_method")
    @classmethod
    def _hashed(cls, method: str) -> str:
        if method == "none":
            raise ValueError("bare signatures would let the guest test any id; name a hash")
        return method


class DHParam(Params):
    """Diffie-Hellman modulo a prime, which is served on Curve25519 with the same result."""

    salt: str = ""
    hash_method: Hash = "sha256"
    key_length: int = Field(2048, ge=1, description="accepted, no effect")


class ECDHParam(Params):
    """Diffie-Hellman on a curve."""

    salt: str = ""
    hash_method: Hash = "sha256"
    curve: choice("curve25519") = "curve25519"  # type: ignore[valid-type]


class RAWParam(Params):
    """Ids in the clear, or hashed."""

    use_hash: bool = False
    salt: str = ""
    hash_method: Hash = "none"
    base64: bool = False
    join_role: Side = "guest"


class EncodeParam(Params):
    """What FATE 1.5 has in place of the hash of RAWParam."""

    salt: str = ""
    encode_method: Hash = "none"
    base64: bool = False


class IntersectCache(Params):
    """A cache that FATE itself no longer has; accepted, no effect."""

    use_cache: bool = False
    id_type: str = "phone"
    encrypt_type: str = "sha256"


class IntersectPreProcessParam(Params):
    """How the Bloom filter is made that lets a side leave ids out; for raw alone."""

    false_positive_rate: float = Field(0.001, gt=0, lt=1, description="of ids not in the filter")
    encrypt_method: str = Field("rsa", description="accepted, no effect")
    hash_method: Hash = Field("sha256", description="accepted; preprocess_method is used")
    preprocess_method: Hash = Field("sha256", description="hash of ids in the filter")
    preprocess_salt: str = Field("", description="behind each id before hashing")
    random_state: int | None = Field(None, description="accepted, no effect")
    filter_owner: Side = Field("guest", description="who makes the filter")


class IntersectParams(Params):
    """FATE's IntersectParam."""

    LEGACY: ClassVar[Mapping[str, str]] = {
        "is_send_intersect_ids": "accepted; hosts always learn the common ids",
        "is_get_intersect_ids": "accepted; hosts always learn the common ids",
    }

    intersect_method: choice("oprf", "rsa", "raw", "dh", "ecdh") = Field(  # type: ignore[valid-type]
        "oprf", description="unset the fastest that hides ids; dh is served as ecdh"
    )
    random_bit: int = Field(128, description="accepted, no effect")
    sync_intersect_ids: bool = Field(
        True, description="false: hosts do not learn the common ids and keep their table as it is"
    )
    join_role: Side = Field("guest", description="for raw, where raw_params does not say")
    only_output_key: bool = Field(False, description="output ids without columns")
    with_encode: bool = Field(False, description="for raw: hash as encode_params says")
    encode_params: EncodeParam = Field(default_factory=EncodeParam)
    raw_params: RAWParam = Field(default_factory=RAWParam)
    rsa_params: RSAParam = Field(default_factory=RSAParam)
    dh_params: DHParam = Field(default_factory=DHParam)
    ecdh_params: ECDHParam = Field(default_factory=ECDHParam)
    join_method: choice("inner_join", "left_join") = Field(  # type: ignore[valid-type]
        "inner_join", description="left_join (raw): all rows of sample_id_generator are kept"
    )
    new_sample_id: bool = Field(False, description="give the joined rows new ids")
    sample_id_generator: Side = Field("guest", description="whose row ids the joined rows have")
    intersect_cache_param: IntersectCache = Field(default_factory=IntersectCache)
    run_cache: bool = Field(False, description="only make the cache of the hosts' ids, by ecdh")
    cardinality_only: bool = Field(False, description="only the number of common ids")
    sync_cardinality: bool = Field(False, description="tell the host that number")
    cardinality_method: choice("rsa", "dh", "ecdh") = Field(  # type: ignore[valid-type]
        "ecdh", description="all are served by ecdh, exactly"
    )
    run_preprocess: bool = Field(
        False, description="for raw: leave out what a filter says is not common"
    )
    intersect_preprocess_params: IntersectPreProcessParam = Field(
        default_factory=IntersectPreProcessParam
    )
    repeated_id_process: bool = Field(False, description="repeated_id_owner is the generator")
    repeated_id_owner: Side = Field("guest", description="for repeated_id_process")
    with_sample_id: bool = Field(
        False, description="accepted; tables with a match id are matched by it in any case"
    )
    allow_info_share: bool = Field(False, description="accepted, no effect")
    info_owner: Side = Field("guest", description="accepted, no effect")
    need_run: bool = Field(True, description="false hands the input through")

    @field_validator("join_method")
    @classmethod
    def _left_in_the_clear(cls, method: str, info: ValidationInfo) -> str:
        if method == "left_join" and info.data.get("intersect_method") != "raw":
            raise ValueError("left_join tells ids that are not common: it needs raw")
        if method == "left_join" and not info.data.get("sync_intersect_ids", True):
            raise ValueError("left_join needs sync_intersect_ids")
        return method

    @field_validator("new_sample_id")
    @classmethod
    def _new_where_told(cls, new: bool, info: ValidationInfo) -> bool:
        if new and not info.data.get("sync_intersect_ids", True):
            raise ValueError("new ids need sync_intersect_ids, for hosts would not know their rows")
        return new

    @field_validator("run_cache")
    @classmethod
    def _cached_where_hidden(cls, cached: bool, info: ValidationInfo) -> bool:
        if cached and info.data.get("intersect_method") == "raw":
            raise ValueError("a cache needs a method that hides ids: oprf, rsa, dh or ecdh")
        return cached

    @field_validator("cardinality_only")
    @classmethod
    def _counted_or_cached(cls, counted: bool, info: ValidationInfo) -> bool:
        if counted and info.data.get("run_cache"):
            raise ValueError("can not be asked for together with run_cache")
        return counted

    @property
    def protocol(self) -> str:
        """What is run: `oprf`, `rsa`, `ecdh`, `raw`, `count`, or `cache`."""
        if self.cardinality_only or self.run_cache:
            return "count" if self.cardinality_only else "cache"
        return "ecdh" if self.intersect_method == "dh" else str(self.intersect_method)

    @property
    def generator(self) -> Role:
        """The role whose row ids the joined rows have."""
        owner = self.repeated_id_owner if self.repeated_id_process else self.sample_id_generator
        return Role(owner)

    @property
    def filter_options(self) -> FilterOptions | None:
        """How ids are left out beforehand, or None where they are not."""
        if not self.run_preprocess or self.protocol != "raw":
            return None
        p = self.intersect_preprocess_params
        return FilterOptions(p.false_positive_rate, p.preprocess_method, p.preprocess_salt)

    @property
    def rsa_options(self) -> RsaOptions:
        """For blind signatures."""
        p = self.rsa_params
        return RsaOptions(p.salt, p.hash_method, p.final_hash_method, p.key_length)

    @property
    def ecdh_options(self) -> EcdhOptions:
        """For Diffie-Hellman, by the parameters of the method that was named."""
        method = self.cardinality_method if self.cardinality_only else self.intersect_method
        if method == "rsa":
            return EcdhOptions(self.rsa_params.salt, self.rsa_params.hash_method)
        p = self.dh_params if method == "dh" else self.ecdh_params
        return EcdhOptions(p.salt, p.hash_method)

    @property
    def raw_options(self) -> RawOptions:
        """For ids in the clear, by raw_params or as FATE 1.5 says it."""
        p, older = self.raw_params, self.encode_params
        role = p.join_role if "join_role" in p.model_fields_set else self.join_role
        if self.with_encode and not p.use_hash:
            return RawOptions(True, older.salt, older.encode_method, older.base64, role)
        return RawOptions(p.use_hash, p.salt, p.hash_method, p.base64, role)

    @property
    def notices(self) -> tuple[str, ...]:
        """What is done differently from what was asked, as lines for the log."""
        lines = []
        if self.protocol == "oprf" and "intersect_method" not in self.model_fields_set:
            lines.append("intersect_method is not set: oprf is run, with the result that rsa has")
        if not self.cardinality_only and self.intersect_method == "dh":
            lines.append("intersect_method dh is served by ecdh, with the same result")
        if self.cardinality_only and self.cardinality_method != "ecdh":
            lines.append("the number of common ids is found by ecdh, exactly")
        if self.protocol == "rsa" and self.rsa_params.key_length < 2048:
            lines.append("an RSA key of fewer than 2048 bits can be broken; 2048 bits are used")
        if self.run_preprocess and self.protocol != "raw":
            lines.append("a filter would let the other side test any id: none is sent, same result")
        if self.run_cache and self.intersect_method != "ecdh":
            lines.append("the cache is made by ecdh")
        return tuple(lines)
