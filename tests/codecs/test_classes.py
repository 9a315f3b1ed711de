"""Classes of the user: found again by qualified name, restored without running their code."""

from __future__ import annotations

import enum
import http
import typing
from collections import namedtuple
from dataclasses import dataclass, field, make_dataclass
from functools import cached_property

import attrs
import pydantic
import pytest

from beautyspot.codecs import Codec
from beautyspot.errors import ConfigurationError, DecodeError, UnsupportedTypeError


@dataclass
class Point:
    x: int
    y: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    name: str
    inner: Point | None = None


@dataclass
class Derived(Point):
    label: str = field(init=False, default="d")
    secret: int = field(init=False)
    made: typing.ClassVar[int] = 0

    def __post_init__(self):
        type(self).made += 1
        self.extra = [self.x]

    @cached_property
    def doubled(self):
        return self.x * 2


@dataclass(slots=True)
class Slotted:
    __private: int
    other: int = field(init=False)


class Colour(enum.Enum):
    RED = 1
    GREEN = (2, 3)
    ALSO_RED = 1  # noqa: PIE796 - an alias is the subject


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    A = "a"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Mask(enum.IntFlag):
    ONE = 1
    TWO = 2


class Row(typing.NamedTuple):
    a: int
    b: str = "b"


Pair = namedtuple("Pair", "left right")  # the older way is the subject


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    name: str
    tags: set[int] = set()
    _hidden: int = pydantic.PrivateAttr(default=3)


class FrozenModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)
    inner: Model
    level: Level = Level.LOW

    @pydantic.field_validator("level")
    @classmethod
    def _never(cls, value):
        calls.append(value)
        return value


calls: list = []
CLASSES = (Point, Frozen, Derived, Slotted, Colour, Level, Word, Access, Mask, Row, Pair, Model, FrozenModel)
KNOWN = {cls.__qualname__: cls for cls in CLASSES}


@pytest.mark.parametrize(
    "value",
    [
        *(Point(1, (2,)), Frozen(name="n", inner=Point(2)), Slotted(4)),
        *(Colour.RED, Colour.GREEN, Colour.ALSO_RED, Level.LOW, Word.A, Access.READ | Access.WRITE, Access(0)),
        *(Mask.ONE | Mask.TWO, Mask(0), Mask(8), Row(1), Row(1, "c"), Pair([1], {2}), http.HTTPStatus.OK),
        *(Model(name="a", tags={1}), Model(name="b", other=5), FrozenModel(inner=Model(name="c"))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_known_classes(value, round_trip):
    """Instances come back equal, and enum members are the members themselves."""
    known = KNOWN | {"HTTPStatus": http.HTTPStatus}
    restored = round_trip([value], known=known)[0]
    assert type(restored) is type(value)
    if isinstance(value, enum.Enum):
        assert restored is value
    elif not isinstance(value, Slotted):  # its repr and == ask for a field that was never set
        assert restored == value
    assert round_trip({"k": (value,)}, known=known).keys() == {"k"}


def test_registered_classes_need_no_known(round_trip):
    """`register_class` is usable as a decorator and is enough for both directions."""
    codec = Codec()
    assert codec.register_class(Point) is Point
    assert round_trip(Point(1), codec) == Point(1)
    assert codec.decode_head(codec.encode(Point(1)).head) == Point(1)


def test_restoring_runs_no_code(round_trip):
    """Neither __post_init__ nor validators run, and what they had set is there."""
    value = Derived(2)
    assert value.doubled == 4
    made = Derived.made
    restored = round_trip(value, known=KNOWN)
    assert Derived.made == made
    assert vars(restored) == vars(value) == {"x": 2, "y": (), "extra": [2], "doubled": 4}
    model = FrozenModel(inner=Model(name="x"), level=1)
    calls.clear()
    assert round_trip(model, known=KNOWN) == model
    assert calls == []


def test_empty_slots_stay_empty(round_trip):
    """A field that was never set is not made up."""
    restored = round_trip(Slotted(7), known=KNOWN)
    assert restored._Slotted__private == 7
    assert not hasattr(restored, "other")


def test_pydantic_state(round_trip):
    """Fields set, extras and private attributes are part of a model."""
    value = Model(name="n", more=[1])
    value._hidden = 9
    restored = round_trip(value, known=KNOWN)
    assert restored.model_fields_set == {"name", "more"}
    assert restored.model_extra == {"more": [1]}
    assert restored._hidden == 9
    with pytest.raises(pydantic.ValidationError):
        round_trip(FrozenModel(inner=value), known=KNOWN).level = Level.LOW


def test_unknown_class_is_refused_with_the_remedy(codec):
    """A class that could not be found again is refused when it is stored."""
    with pytest.raises(UnsupportedTypeError, match=r"result\['p'\]\[0\] .*Point\) .*register_class\(Point\)"):
        codec.encode({"p": [Point(1)]})


def test_unknown_named_tuple_is_refused_with_both_remedies(codec):
    """A named tuple of a library can be returned as a plain one."""
    with pytest.raises(UnsupportedTypeError, match=r"return tuple\(value\), or call spot\.register_class\(Row\)"):
        codec.encode([Row(1)])


def test_ambiguous_name_is_refused(codec):
    """Another class of the same name would be made in its place."""
    other = make_dataclass("Point", ["x"])
    with pytest.raises(UnsupportedTypeError, match="stands for another class"):
        codec.encode(Point(1), {"Point": other})


def test_changed_class_is_a_decode_error(codec):
    """An instance whose fields no longer fit is not made."""
    payload = codec.encode(Point(1), KNOWN)
    for other in (make_dataclass("Point", ["x"]), make_dataclass("Point", ["x", "z"]), Colour, Row, Model, int):
        with pytest.raises(DecodeError):
            codec.decode(payload, {"Point": other})
    for value in (Row(1), Model(name="a"), Colour.RED, Access.READ):
        with pytest.raises(DecodeError):
            codec.decode(codec.encode(value, KNOWN), {type(value).__qualname__: Point})


def test_class_unknown_at_decode(codec):
    """The name in the data is looked up, never imported."""
    with pytest.raises(DecodeError, match="Point, which this program does not name"):
        codec.decode(codec.encode(Point(1), KNOWN))


def test_removed_member(codec):
    """A member that is gone is not guessed."""
    payload = codec.encode(Colour.GREEN, KNOWN)
    with pytest.raises(DecodeError, match="has changed"):
        codec.decode(payload, {"Colour": enum.Enum("Colour", "RED")})


def test_classes_with_builtin_bases_are_refused(codec):
    """Their contents are out of reach of attribute access."""

    @dataclass
    class Bag(dict):
        x: int = 1

    with pytest.raises(UnsupportedTypeError):
        codec.encode(Bag(), {Bag.__qualname__: Bag})
    with pytest.raises(ConfigurationError, match="register_type"):
        codec.register_class(Bag)


@pytest.mark.parametrize("wrong", [int, 5, type("Plain", (), {})])
def test_register_class_says_what_it_takes(codec, wrong):
    """Only classes whose instances can be restored are registered."""
    with pytest.raises(ConfigurationError):
        codec.register_class(wrong)


def test_register_class_again(codec):
    """Running a notebook cell again replaces the class; a namesake from elsewhere is an error."""
    codec.register_class(make_dataclass("Again", ["x"], namespace={"__module__": "cell"}))
    newer = codec.register_class(make_dataclass("Again", ["x", "y"], namespace={"__module__": "cell"}))
    assert codec.decode(codec.encode(newer(1, 2))) == newer(1, 2)
    with pytest.raises(ConfigurationError, match="rename one"):
        codec.register_class(make_dataclass("Again", ["x"], namespace={"__module__": "elsewhere"}))


def test_attrs_like_classes(round_trip):
    """Classes of attrs carry their fields in `__attrs_attrs__`."""

    class Attrs:
        __attrs_attrs__ = (type("Attribute", (), {"name": "a"}),)

    value = Attrs()
    value.a = (1, {2})
    assert round_trip(value, known={Attrs.__qualname__: Attrs}).a == (1, {2})


@attrs.define
class Shape:
    width: int
    _parts: list = attrs.field(factory=list)

    @cached_property
    def area(self):
        return self.width**2


@attrs.frozen(cache_hash=True)
class Label:
    text: str


def test_attrs_classes(round_trip):
    """Slots, private names and cached properties of attrs."""
    value = Shape(3, [(1,)])
    assert round_trip(value, known={"Shape": Shape}) == value
    assert value.area == 9
    assert round_trip(value, known={"Shape": Shape}).area == 9


def test_cached_hash_is_computed_again(round_trip):
    """The hash of a text is another one in the next process."""
    value = Label("x")
    assert {value: 1}[value] == 1
    restored = round_trip(value, known={"Label": Label})
    assert restored._attrs_cached_hash is None
    assert {value: 1}[restored] == 1


class Renamed(enum.Enum):
    ONE = 1

    @property
    def name(self):
        return "another"

    @property
    def value(self):
        return "another"


class RenamedFlag(enum.Flag):
    ONE = 1

    @property
    def value(self):
        return 99


@pytest.mark.parametrize("value", [Renamed.ONE, RenamedFlag.ONE])
def test_enums_with_names_of_their_own(value, round_trip):
    """What the class answers for `name` and `value` is not what the member is found by."""
    assert round_trip(value, known={type(value).__qualname__: type(value)}) is value


class _Outside:
    """Keeps the values of a field by instance."""

    def __init__(self):
        self.kept = {}

    def __get__(self, owner, cls):
        return 0 if owner is None else self.kept[id(owner)]

    def __set__(self, owner, value):
        self.kept[id(owner)] = value


class _Beside:
    """Keeps the value of a field in the instance, under another name."""

    def __get__(self, owner, cls):
        return 0 if owner is None else owner._beside

    def __set__(self, owner, value):
        owner._beside = value


def test_fields_of_descriptors(codec, round_trip):
    """A value that is not in the instance is not lost in silence."""

    @dataclass(eq=False)
    class Lost:
        x: int = _Outside()

    @dataclass
    class Kept:
        x: int = _Beside()

    with pytest.raises(UnsupportedTypeError, match="descriptor keeps its field x elsewhere"):
        codec.encode(Lost(7), {Lost.__qualname__: Lost})
    assert round_trip(Kept(7), known={Kept.__qualname__: Kept}).x == 7


T = typing.TypeVar("T")


@dataclass
class Box(typing.Generic[T]):
    content: T


def test_generic_classes(round_trip, codec):
    """A generic class is kept; what `Box[int](...)` leaves in the instance cannot be."""
    assert round_trip(Box((1,)), known={"Box": Box}) == Box((1,))
    with pytest.raises(UnsupportedTypeError, match=r"result\.__orig_class__ .*Box\(\.\.\.\), without the brackets"):
        codec.encode(Box[int](1), {"Box": Box})


class Generic(pydantic.BaseModel, typing.Generic[T]):
    content: T


class Root(pydantic.RootModel[list[int]]):
    pass


@pydantic.dataclasses.dataclass
class Validated:
    x: int


def test_more_of_pydantic(round_trip):
    """Generic and root models, dataclasses, models that were made without validation, computed fields."""

    class Computed(pydantic.BaseModel):
        x: int

        @pydantic.computed_field
        @cached_property
        def double(self) -> int:
            return self.x * 2

    computed = Computed(x=2)
    assert computed.double == 4
    for value in (Generic[int](content=1), Root([1]), Validated(1), Model.model_construct(other=1), computed):
        restored = round_trip(value, known={type(value).__qualname__: type(value)})
        assert vars(restored) == vars(value)
        assert restored == value
