"""Curve25519 on 8 points at once, as code for one of two kinds of arithmetic modulo p.

The ladder of RFC 7748 is kept as the sums and differences a = X2 + Z2, b = X2 - Z2, c = X3 + Z3,
d = X3 - Z3, which a step begins with. To swap the two multiples changes (da + cb, da - cb) in sign
alone, and both are squared, so masks choose what is doubled and nothing else.

Inverses and characters are powers. Of one power three things are made:

    w**(2**252 - 3) gives  1/w = (w**(2**252 - 3))**8 w**3  and  w**((p - 1)/2) = ( )**4 w**2

so that Elligator 2, u -> -A / (1 + 2 u**2) or that times 2 u**2, whichever is on the curve, takes
one power of w = g h for the numerator g and denominator h**3 of the curve's right side.

Learns: nobody anything; but for `samples`, time and addresses depend on counts alone.
Source: RFC 7748, section 5; RFC 9380, section 6.7.1 and appendix G.2.1.
"""

from llvmlite import ir

from federation.crypto.curve25519_field import LIMBS, Field, Number
from federation.crypto.kernels.assembly import POINTER, VECTOR, WORD, ZERO, Body, Value, word

STEPS = 255
SAMPLES = 64
"""Products that `samples` makes: a list with a bad point passes with a chance of 2**-SAMPLES."""

SAMPLED = 4
"""Groups from which one bit each says whether they are in a product."""

_P = (1 << 255) - 19
_A = 486662
_CHAIN = (
    ("a", "z", 1, None),  # 2
    ("b", "a", 2, "z"),  # 9
    ("a", "a", 0, "b"),  # 11
    ("a", "a", 1, "b"),  # 2**5 - 1
    ("b", "a", 5, "a"),  # 2**10 - 1
    ("c", "b", 10, "b"),  # 2**20 - 1
    ("a", "c", 20, "c"),  # 2**40 - 1
    ("a", "a", 10, "b"),  # 2**50 - 1
    ("b", "a", 50, "a"),  # 2**100 - 1
    ("c", "b", 100, "b"),  # 2**200 - 1
    ("c", "c", 50, "a"),  # 2**250 - 1
    ("c", "c", 2, "z"),  # 2**252 - 3
)
"""Where a power goes, of which, squared how often, times which; behind it the exponent then."""


def module_text(triple: str, field: type[Field]) -> str:
    """LLVM IR of the functions `ladder`, `sides`, `samples`, `characters` and `images`."""
    return str(_Module(triple, field).module)


class _Module:
    def __init__(self, triple: str, field: type[Field]) -> None:
        self.field, self.limbs, self.beside = field, field.limbs, field.beside
        self.module = ir.Module("curve25519")
        self.module.triple = triple
        self.functions: dict[str, Value] = {}
        if field is Field:
            kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
            for half in ("low", "high"):
                name = f"llvm.x86.avx512.vpmadd52{half[0]}.uq.512"
                self.functions[f"madd_{half}"] = ir.Function(self.module, kind, name)
        self._products("product", 1)
        self._squares("squares", 1)
        self._products("products_beside", self.beside)
        self._squares("squares_beside", self.beside)
        self._ladder()
        self._sides()
        self._samples()
        self._characters()
        self._images()

    def _function(self, name: str, kinds: list[Value]) -> Body:
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), kinds), name)
        self.functions[name] = function
        return Body(function, self.functions)

    def _products(self, name: str, beside: int) -> None:
        """name(to, a, b): products of so many numbers, one after another in memory."""
        body = self._function(name, [POINTER] * 3)
        to, a, b = body.function.args
        field = self.field(body, inside=True)

        def one(index: Value) -> None:
            at = body.ir.mul(index, word(self.limbs))
            field.store(field.mul(field.load(a, at), field.load(b, at)), to, at)

        body.times(beside, one)
        body.end()

    def _squares(self, name: str, beside: int) -> None:
        """name(to, a, count): so many numbers squared `count` times."""
        body = self._function(name, [POINTER, POINTER, WORD])
        to, a, count = body.function.args
        field, places = self.field(body, inside=True), range(0, beside * self.limbs, self.limbs)
        for at in places:
            field.store(field.load(a, at), to, at)

        def step(_: Value) -> None:
            squares = [field.square(field.load(to, at)) for at in places]
            for at, square in zip(places, squares, strict=True):
                field.store(square, to, at)

        body.times(count, step)
        body.end()

    def _raised(self, body: Body, z: Value, room: Value, *, beside: bool = True) -> Value:
        """z**(2**252 - 3), for `self.beside` numbers or one; where the results lie.

        Args:
            room: for three times as many numbers.
        """
        squares, products = ("squares_beside", "products_beside") if beside else _SINGLE
        size = self.limbs * (self.beside if beside else 1)
        places = {"z": z} | {name: body.at(room, i * size) for i, name in enumerate("abc")}
        for to, start, count, factor in _CHAIN:
            if count:
                body.call(squares, places[to], places[start], word(count))
            if factor is not None:
                body.call(products, places[to], places[to], places[factor])
        return places["c"]

    def _ladder(self) -> None:
        """ladder(to, points, masks, kept, groups): u-coordinates of multiples.

        masks[step] is all ones where the scalar's bit is. `kept` has room for three numbers a
        group: X and Z of its multiple, and the product of the Z before it. One inverse serves all
        groups, lane by lane, so no multiple may be the point at infinity.
        """
        body = self._function("ladder", [POINTER] * 4 + [WORD])
        to, points, masks, kept, groups = body.function.args
        state, room = body.buffer(4 * self.limbs + 1), body.buffer(3 * self.limbs)
        product = body.buffer(self.limbs)
        field = self.field(body)

        def chosen(mask: Value, numbers: list[Number]) -> list[Number]:
            """What is doubled: a and b, or c and d where the mask is set."""
            others = body.ir.icmp_unsigned("!=", mask, ZERO)
            a, b, c, d = numbers
            return [
                [body.ir.select(others, y, x) for x, y in zip(one, other, strict=True)]
                for one, other in ((a, c), (b, d))
            ]

        def group(index: Value) -> None:
            base = body.ir.mul(index, word(LIMBS))
            u, one = field.read(points, base), field.constant(1)
            for i, number in enumerate([one, one, field.add(u, one), field.sub(u, one)]):
                field.store(number, state, i * self.limbs)
            body.store(ZERO, state, 4 * self.limbs)

            def step(number: Value) -> None:
                bit = body.load(masks, number)
                mask = body.ir.xor(body.load(state, 4 * self.limbs), bit)
                body.store(bit, state, 4 * self.limbs)
                before = [field.load(state, i * self.limbs) for i in range(4)]
                after = _step(field, field.read(points, base), before, chosen(mask, before))
                for i, value in enumerate(after):
                    field.store(value, state, i * self.limbs)

            body.times(STEPS, step)
            last = [field.load(state, i * self.limbs) for i in range(4)]
            a, b = map(field.carried, chosen(body.load(state, 4 * self.limbs), last))
            x, z = field.carried(field.add(a, b)), field.carried(field.sub(a, b))
            before_all = field.load(product)
            for i, value in enumerate((x, z, before_all)):
                place = body.ir.mul(index, word(3 * self.limbs))
                field.store(value, kept, body.ir.add(place, word(i * self.limbs)))
            field.store(field.mul(before_all, z), product)

        def finish(index: Value) -> None:
            group = body.ir.sub(body.ir.sub(groups, word(1)), index)
            place = body.ir.mul(group, word(3 * self.limbs))
            x, z, before = (
                field.load(kept, body.ir.add(place, word(i * self.limbs))) for i in range(3)
            )
            inverse = field.load(product)
            u = field.mul(field.mul(inverse, before), x)
            field.write(u, to, body.ir.mul(group, word(LIMBS)))
            field.store(field.mul(inverse, z), product)

        field.store(field.constant(1), product)
        body.times(groups, group)
        power = self._raised(body, product, room, beside=False)
        body.call("squares", power, power, word(3))
        whole = field.load(product)
        cube = field.mul(field.square(whole), whole)
        field.store(field.mul(field.load(power), cube), product)
        body.times(groups, finish)
        body.end()

    def _sides(self) -> None:
        """sides(to, points, groups): the curve's right side u**3 + A u**2 + u, as numbers."""
        body = self._function("sides", [POINTER] * 2 + [WORD])
        to, points, groups = body.function.args
        field = self.field(body)

        def group(index: Value) -> None:
            u = field.read(points, body.ir.mul(index, word(LIMBS)))
            inner = field.add(field.mul(u, field.add(u, field.constant(_A))), field.constant(1))
            field.store(field.mul(u, inner), to, body.ir.mul(index, word(self.limbs)))

        body.times(groups, group)
        body.end()

    def _samples(self) -> None:
        """samples(to, numbers, picks, blocks): `SAMPLES` products of some numbers each.

        Each number of `to` is multiplied by, for each block of `SAMPLED` numbers, the product of
        those whose bit is set in its word of `picks`, of which there are `SAMPLES` a block.
        """
        body = self._function("samples", [POINTER] * 3 + [WORD])
        to, numbers, picks, blocks = body.function.args
        table = body.buffer(self.limbs << SAMPLED)
        field = self.field(body)

        def block(index: Value) -> None:
            base = body.ir.mul(index, word(SAMPLED * self.limbs))
            field.store(field.constant(1), table)
            for i in range(SAMPLED):
                last = body.at(numbers, body.ir.add(base, word(i * self.limbs)))
                field.store(field.load(last), table, self.limbs << i)
                for rest in range(1, 1 << i):
                    to_one, other = (
                        body.at(table, place * self.limbs) for place in (rest + (1 << i), rest)
                    )
                    body.call("product", to_one, last, other)

            def sample(number: Value) -> None:
                at = body.ir.mul(number, word(self.limbs))
                pick = body.word(picks, body.ir.add(body.ir.mul(index, word(SAMPLES)), number))
                picked = body.at(table, body.ir.mul(pick, word(self.limbs)))
                body.call("product", body.at(to, at), body.at(to, at), picked)

            body.times(SAMPLES, sample)

        body.times(blocks, block)
        body.end()

    def _characters(self) -> None:
        """characters(to, numbers, turns): numbers to the power (p - 1)/2, `beside` a turn."""
        body = self._function("characters", [POINTER] * 2 + [WORD])
        to, numbers, turns = body.function.args
        room = body.buffer(3 * self.beside * self.limbs)
        field = self.field(body)

        def turn(index: Value) -> None:
            base = body.ir.mul(index, word(self.beside))
            start = body.at(numbers, body.ir.mul(base, word(self.limbs)))
            power = self._raised(body, start, room)
            body.call("squares_beside", power, power, word(2))

            def one(number: Value) -> None:
                at = body.ir.mul(number, word(self.limbs))
                character = field.mul(field.load(power, at), field.square(field.load(start, at)))
                field.write(character, to, body.ir.mul(body.ir.add(base, number), word(LIMBS)))

            body.times(self.beside, one)

        body.times(turns, turn)
        body.end()

    def _images(self) -> None:
        """images(to, numbers, turns): where Elligator 2 puts u, as character, x1 and x2.

        x1 = -A / h and x2 = 2 u**2 x1 with h = 1 + 2 u**2. The right side of the curve at x1 is
        g / h**3 with g = -A (h**2 - 2 A**2 u**2), and has the character of w = g h.
        """
        body = self._function("images", [POINTER] * 2 + [WORD])
        to, numbers, turns = body.function.args
        size = self.beside * self.limbs
        values, rest, room = body.buffer(size), body.buffer(2 * size), body.buffer(3 * size)
        field = self.field(body)

        def turn(index: Value) -> None:
            first = body.ir.mul(index, word(self.beside))

            def before(number: Value) -> None:
                place = body.ir.mul(body.ir.add(first, number), word(LIMBS))
                u = field.carried(field.carried(field.read(numbers, place)))
                square = field.square(u)
                t = field.add(square, square)
                h = field.add(t, field.constant(1))
                inner = field.sub(field.square(h), field.mul(t, field.constant(_A * _A)))
                g = field.mul(inner, field.constant(_P - _A))
                at = body.ir.mul(number, word(self.limbs))
                field.store(field.mul(g, h), values, at)
                field.store(g, rest, at)
                field.store(t, rest, body.ir.add(at, word(size)))

            def after(number: Value) -> None:
                at = body.ir.mul(number, word(self.limbs))
                w, g = field.load(values, at), field.load(rest, at)
                square, fourth = field.square(w), field.load(power, at)
                inverse = field.mul(field.square(fourth), field.mul(square, w))
                x1 = field.mul(field.mul(inverse, g), field.constant(_P - _A))
                x2 = field.mul(x1, field.load(rest, body.ir.add(at, word(size))))
                out = body.ir.mul(body.ir.add(first, number), word(3 * LIMBS))
                for i, result in enumerate((field.mul(fourth, square), x1, x2)):
                    field.write(result, to, body.ir.add(out, word(i * LIMBS)))

            body.times(self.beside, before)
            power = self._raised(body, values, room)
            body.call("squares_beside", power, power, word(2))
            body.times(self.beside, after)

        body.times(turns, turn)
        body.end()


_SINGLE = ("squares", "product")


def _step(field: Field, u: Number, numbers: list[Number], doubled: list[Number]) -> list[Number]:
    """One bit of the ladder; names as in RFC 7748, `doubled` being A and B, `u` x_1."""
    a, b, c, d = numbers
    da, cb = field.columns(d, a, lifted=True), field.columns(c, b)
    square = field.square_columns(doubled[0], lifted=True)
    other = field.square_columns(doubled[1])
    e = field.less(square, other)
    aa, bb = field.settled(square), field.settled(other)
    plus, minus = field.add(da, cb), field.less(da, cb)
    t = field.times(e, 121665, aa)
    x2 = field.columns(aa, bb, lifted=True)
    z2 = field.columns(e, t)
    minus = field.settled(field.square_columns(minus))
    x3 = field.square_columns(plus, lifted=True)
    z3 = field.columns(u, minus)
    return [field.add(x2, z2), field.less(x2, z2), field.add(x3, z3), field.less(x3, z3)]
