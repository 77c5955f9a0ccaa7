"""Any rule as a `torch.optim.Optimizer`: torch's contract, and not one line of a rule's arithmetic."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import Parameter, Signature
from itertools import chain
from typing import Any, ClassVar

import torch

from .. import transforms
from ..errors import short, unknown
from ..hyper import range_of, shown
from ..method import Method
from ..preconditioner import Pointwise
from ..rule import Rule
from ..transform import transform
from . import curvature, fused, groups, stepping
from .stepping import CALLING, Part

SHAPING = dict(decoupled=False, centralize=False, centralize_on="gradient", maximize=False)
OPTIONS = dict(over="all", state_dtype=None)
LEARNING = dict(preconditioner=None, index=None, same_batch=True)
SHARED = dict(weight_decay=0.0) | SHAPING | OPTIONS | CALLING
"""What every class takes, with its defaults."""
OVER = ("all", "group", "tensor")
CENTRALIZED = {False: 1e9, True: 2.0, "conv": 4.0}
"""From how many dimensions on a tensor's gradient is centralised."""


@transform
def signed(x, g, direction=1.0):
    """The gradient of f, or of −f, steps against which climb f."""
    return direction * g


@lru_cache(maxsize=256)
def shaped(rule: Rule, climbs: bool, decay: str, centralizes: str) -> Rule:
    """A rule with what stands before it (sign, decay, centralisation, in their order), and with what stands after."""
    if centralizes:
        rule = rule.then(transforms.centralize_step) if centralizes == "step" else rule.after(transforms.centralize)
    if decay:
        rule = rule.then(transforms.decoupled) if decay == "decoupled" else rule.after(transforms.l2)
    return rule.after(signed) if climbs else rule


def _signature(offered: Mapping[str, Any], order: Sequence[str]) -> Signature:
    """Arguments by position in their order, then all others by name."""
    by_place = [Parameter(n, Parameter.POSITIONAL_OR_KEYWORD, default=offered[n]) for n in order]
    by_name = [Parameter(n, Parameter.KEYWORD_ONLY, default=v) for n, v in offered.items() if n not in order]
    return Signature([Parameter("params", Parameter.POSITIONAL_OR_KEYWORD), *by_place, *by_name])


def _described(cls: Any, offered: Mapping[str, Any]) -> str:
    """A class's page: its paragraph, and its arguments with their defaults and ranges."""
    named = {key: n for n, key in groups.keys(groups.told(cls.base), cls.renamed).items()}
    lines = [cls.__doc__ or cls.base.doc, "", "Parameters", "----------", "params : as torch takes them"]
    common = [key for key, value in SHARED.items() if key in offered and key not in named and offered[key] == value]
    for key, value in offered.items():
        if key in named and key != "betas":
            follows = f"{shown(cls.base.hyper[named[key]])} where none is given"
            lines.append(f"{key} : {follows if value is None else shown(value)}, in {range_of(named[key])}")
        elif key not in common:
            lines.append(f"{key} : {value}")
    return "\n".join([*lines, f"{', '.join(common)} :", "    As in `momentumlab.torch.Optimizer`."])


def _opening(cls: Any) -> Callable:
    signature = cls.__signature__

    def opening(self, *args: Any, **options: Any) -> None:
        if strange := [n for n in options if n not in signature.parameters]:
            raise TypeError(f"{cls.__name__}: {unknown('option', strange[0], list(signature.parameters)[1:])}")
        try:
            given = signature.bind(*args, **options)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}: {error}") from None
        given.apply_defaults()
        told = dict(given.arguments)
        params, over, state_dtype = told.pop("params"), told.pop("over"), told.pop("state_dtype")
        supplied = {n: told.pop(n) for n in ("preconditioner", "index") if n in told}
        same_batch = told.pop("same_batch", True)
        functions = {n: told.pop(n) for n, v in given.arguments.items() if callable(v) and n in told}
        self._open(params, cls.base(**supplied), told, functions, over, state_dtype, same_batch)

    opening.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[Parameter("self", Parameter.POSITIONAL_OR_KEYWORD), *signature.parameters.values()]
    )
    return opening


class Optimizer(torch.optim.Optimizer):
    """Any method of momentumlab on torch's parameters.

    Parameters
    ----------
    params : iterable of tensors, of (name, tensor), or of groups
        As torch takes them. A group may have numbers of its own, under torch's names: momentum for beta, betas for
        beta1 and beta2, the rest by their own.
    method : Method or Rule
        ``ml.heavy_ball(lr=0.1)``, or a rule of your own. Its numbers become the groups' defaults, where schedulers may
        move them; functions of k stay with the rule.
    weight_decay : float
        λ of decay: g + λx, or with `decoupled` x⁺ − αλx.
    decoupled : bool
    centralize : bool or "conv"
        Take the mean over each output unit's weights away: of tensors of two or more dimensions, or of four.
    centralize_on : "gradient" or "step"
        From what it is taken.
    over : "all", "group" or "tensor"
        What norms and other sums that a rule measures, and curvature, are taken over.
    state_dtype : torch.dtype, optional
        The type in which a step is computed and its memory kept, such as torch.float32 for parameters in bfloat16.
    same_batch : bool
        Where the method has a preconditioner and `step` a closure: evaluate it at the last point first, so that the two
        gradients of a pair are of one mini-batch. This is a second evaluation in every step.
    maximize, foreach, fused, capturable, differentiable : bool
        As in torch.optim. Where neither `foreach` nor `fused` is given, dense tensors on the CPU in single or double
        precision are stepped by compiled code, tensors on accelerators by multi-tensor operators, others one by one.
        On CUDA, `fused=True` is torch.compile of the step.

    Raises
    ------
    TypeError, ValueError
        Where a number is none or outside its range, or an option is unknown.
    RuntimeError
        By `step`, for sparse gradients.

    Examples
    --------
    >>> import torch, momentumlab as ml
    >>> from momentumlab.torch import Optimizer
    >>> x = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = Optimizer([x], ml.heavy_ball(lr=0.1))
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.detach()
    tensor([0.8000, 0.8000])
    """

    base: ClassVar[Rule]
    __signature__: ClassVar[Signature]
    renamed: ClassVar[Mapping[str, str]] = {}
    flags: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        params: Any,
        method: Method | Rule,
        *,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        centralize: bool | str = False,
        centralize_on: str = "gradient",
        over: str = "all",
        state_dtype: torch.dtype | None = None,
        same_batch: bool = True,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        method = method() if isinstance(method, Rule) else method
        if not isinstance(method, Method):
            raise TypeError(f"Optimizer: method = {short(method)}; give one, as in Optimizer(params, ml.rsgdm(lr=0.1))")
        if method.search not in (None, method.base.default_search(dict(method.bound))):
            raise TypeError(f"Optimizer: {method} searches along each step; batches have no such line. Give lr instead")
        if "weight_decay" in method.bound_rule.hyper and weight_decay:
            raise TypeError(
                f"Optimizer: {method.name} has a weight_decay of its own; bind that: {method.name}(weight_decay=...)"
            )
        rule = method.bound_rule
        shaping = dict(decoupled=decoupled, centralize=centralize, centralize_on=centralize_on)
        calling = dict(
            maximize=maximize, foreach=foreach, fused=fused, capturable=capturable, differentiable=differentiable
        )
        keys = groups.keys(groups.told(rule), {})
        taken = {"params", "param_names", *SHAPING, *CALLING}
        if clash := [
            n for n, key in keys.items() if key in taken or list(keys.values()).count(key) > 1 + (key == "betas")
        ]:
            raise TypeError(
                f"Optimizer: {rule.name} has a {clash[0]}, which means something else in a group; rename it"
            )
        told = dict(weight_decay=weight_decay) | groups.defaults(rule, keys)
        self._open(params, method, {**told, **shaping, **calling}, {}, over, state_dtype, same_batch)

    def _open(
        self, params: Any, method: Method, defaults: dict[str, Any], functions: dict[str, Callable],
        over: str, state_dtype: torch.dtype | None, same_batch: bool,
    ) -> None:  # fmt: skip
        """Begin, with what groups say by default, and functions that stand for some of their numbers."""
        name = type(self).__name__
        if over not in OVER:
            raise ValueError(f"{name}: over = {short(over)}; it must be 'all', 'group' or 'tensor'")
        if state_dtype is not None and not (isinstance(state_dtype, torch.dtype) and state_dtype.is_floating_point):
            raise TypeError(f"{name}: state_dtype = {short(state_dtype)}; give a floating type, such as torch.float32")
        for key, value in defaults.items():
            if isinstance(value, torch.Tensor) and value.numel() != 1:
                raise ValueError(f"Tensor {key} must be 1-element")
        by = method.preconditioner
        if method.takes_hessian or method.foreign:
            kinds = "bfgs(), dfp(), sr1(), lbfgs(), diagonal(), quasi_cauchy(), bb1(), bb2() or identity()"
            raise TypeError(f"{name}: preconditioner = {short(by)} needs what torch does not give a step; take {kinds}")
        self.method, self.functions = method, functions
        self.over, self.state_dtype, self.same_batch = over, state_dtype, same_batch
        self._forget()
        self.param_groups: list[dict[str, Any]] = []
        self._check({**defaults, "params": []})
        super().__init__(params, defaults)

    def __init_subclass__(
        cls,
        rule: Rule | None = None,
        order: str = "",
        renamed: Mapping[str, str] | None = None,
        presets: Mapping[str, Any] | None = None,
        flags: Mapping[str, Any] | None = None,
        without: str = "",
        **more: Any,
    ) -> None:
        """A class of its own for a rule.

        `order` names the arguments that torch takes by position, `renamed` hyperparameters that it calls otherwise;
        `presets` are other defaults, `flags` arguments by which `choose` tells which rule a group follows, and
        `without` hyperparameters that are not offered.
        """
        super().__init_subclass__(**more)
        if rule is None:  # a subclass of someone else's, such as Lightning makes, is what its parent is
            return
        cls.base, cls.renamed, cls.flags = rule, renamed or {}, flags or {}
        told = groups.defaults(rule, groups.keys(groups.told(rule), cls.renamed))
        own = {n: v for n, v in told.items() if n not in without.split()}
        decay = {} if "weight_decay" in own else {"weight_decay": 0.0}
        offered = {**own, **decay, **cls.flags, **(LEARNING if rule.inputs else {})}
        offered |= {**SHAPING, **OPTIONS, **CALLING} | dict(presets or {})
        if "weight_decay" in own:
            del offered["decoupled"]  # it decays in its own way
        cls.__signature__ = _signature(offered, order.split() or list(own))
        if "__init__" not in vars(cls):
            cls.__init__ = _opening(cls)  # type: ignore[method-assign]
        cls.__doc__ = _described(cls, offered)

    def choose(self, group: Mapping[str, Any]) -> Rule:
        """The rule of a group, before decay and centralisation."""
        return self.method.bound_rule

    # -------------------------------------------------------------- torch's contract

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        try:
            self._check(self.param_groups[-1])
        except Exception:
            del self.param_groups[-1]
            raise

    def _forget(self) -> None:
        """Nothing is known of rules, numbers and addresses."""
        self._everyones = (False, False, False)
        self._rules: dict[Any, tuple[Rule, dict[str, str]]] = {}
        self._shapes: dict[Rule, tuple[bool, str, str]] = {}
        self._numbers: dict[Any, groups.Numbers] = {}
        self._again: stepping.Again | None = None
        self._moved: list[int] = []

    def _check(self, group: Mapping[str, Any]) -> None:
        name = type(self).__name__
        self._everyones = self._asked([*self.param_groups, group])
        if group["foreach"] and group["fused"]:
            raise RuntimeError(f"{name}: `fused` and `foreach` cannot be `True` together.")
        if group["differentiable"] and (group["fused"] or group["foreach"]):
            raise RuntimeError(f"{name}: `differentiable` steps tensors one by one; leave `fused` and `foreach` out")
        if group["differentiable"] != getattr(self, "defaults", group)["differentiable"]:
            raise ValueError(f"{name}: differentiable is the same for all groups; give it to the optimizer")
        if group["centralize"] not in CENTRALIZED:
            raise ValueError(f"{name}: centralize = {short(group['centralize'])}; it must be True, False or 'conv'")
        if group["centralize_on"] not in ("gradient", "step"):
            on = short(group["centralize_on"])
            raise ValueError(f"{name}: centralize_on = {on}; it must be 'gradient' or 'step'")
        rule, keys, numbers = self._rule(0, group)
        if wrong := [n for n, key in keys.items() if key != n and n in group]:
            raise TypeError(f"{name}: a group's {wrong[0]} is called {keys[wrong[0]]} here, as in torch.optim")
        for n, default in groups.told(rule).items():
            value = group.get(keys[n])
            if callable(value):
                raise TypeError(
                    f"{name}: a group's {keys[n]} is a function; give it to the rule, as in {name}(..., {keys[n]}=...)"
                )
            if value is None and default is not None and keys[n] in group:
                raise TypeError(f"{name}: {keys[n]} = None; give a number")
        known = self._known(group, rule, keys)
        if not group["capturable"] and not group["differentiable"]:
            numbers.row(1, groups.floats(known))

    def __getstate__(self) -> dict[str, Any]:
        mine = {
            n: v for n, v in self.__dict__.items() if n in ("method", "functions", "over", "state_dtype", "same_batch")
        }
        return {**super().__getstate__(), **mine}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget()
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)
        for memory in self.state.values():
            if "step" in memory and not isinstance(memory["step"], torch.Tensor):
                memory["step"] = torch.tensor(float(memory["step"]), dtype=torch.float32)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch does, but memory has the type of `state_dtype`, and must be that of these rules."""
        loaded: dict[str, Any] = {}

        def look(_: Any, found: dict[str, Any]) -> None:
            loaded.update(found)
            for group, of in zip(self.param_groups, found["param_groups"], strict=False):
                slots = self._rule(0, {**group, **of})[0].slots
                for p, memory in zip(group["params"], (found["state"].get(n, {}) for n in of["params"]), strict=False):
                    if memory and (lacking := [n for n in ("step", *slots) if n not in memory]):
                        has = f"the state dict has {', '.join(map(str, memory))} and no {lacking[0]}"
                        raise ValueError(f"{type(self).__name__}: {has}; it is of another optimizer")
                    if wrong := [n for n in slots if n in memory and memory[n].shape != p.shape]:
                        has = f"{wrong[0]} has shape {tuple(memory[wrong[0]].shape)}, the parameter {tuple(p.shape)}"
                        raise ValueError(f"{type(self).__name__}: {has}; the state dict is of another model")

        capture = self.register_load_state_dict_pre_hook(look)  # after those of others
        try:
            super().load_state_dict(state_dict)
        finally:
            capture.remove()
        saved = chain.from_iterable(group["params"] for group in loaded["param_groups"])
        here = ((p, group) for group in self.param_groups for p in group["params"])
        for key, (p, group) in zip(saved, here, strict=True):
            for name, value in loaded["state"].get(key, {}).items():
                if name in curvature.KEPT:
                    self.state[p][name] = value.to(device=p.device, copy=True)
                elif self.state_dtype is not None and name in self._rule(0, group)[0].slots:
                    kind = self.state_dtype.to_complex() if p.is_complex() else self.state_dtype
                    self.state[p][name] = value.to(device=p.device, dtype=kind, copy=True)

    # -------------------------------------------------------------- a step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Evaluates the loss again and its gradients, and returns it.

        Returns
        -------
        loss or None
        """
        if torch.compiler.is_compiling():
            return self._beside_a_graph(closure)
        return self._take(closure, compiled=False)

    @torch._disable_dynamo  # torch's own way to leave a graph
    def _beside_a_graph(self, closure: Callable[[], Any] | None) -> Any:
        """A step within torch.compile: a compiled graph of its own, which takes its numbers as tensors."""
        return self._take(closure, compiled=True)

    def _take(self, closure: Callable[[], Any] | None, compiled: bool) -> Any:
        self._everyones = self._asked(self.param_groups)
        before = torch.is_grad_enabled()
        try:
            torch.set_grad_enabled(self.defaults["differentiable"])
            loss = self._evaluate(closure) if closure is not None else None
            if compiled or self._again is None or not self._again.step(self):
                self._accelerator_graph_capture_health_check()
                self._step(compiled)
        finally:
            torch.set_grad_enabled(before)
        return loss

    def _evaluate(self, closure: Callable[[], Any]) -> Any:
        """The loss and its gradients; where the rule learns from differences of gradients, first where it was before.

        Both gradients of a pair are then of the same mini-batch, under the same random numbers.
        """
        if self.method.preconditioner is not None and self.same_batch:
            self._look_back(closure)
        with torch.enable_grad():
            return closure()

    def _look_back(self, closure: Callable[[], Any]) -> None:
        """Remember the gradients where parameters were before their last step, in place of those of that time."""
        moves = []
        for index, group in enumerate(self.param_groups):
            rule = self._rule(index, group)[0]
            for p in group["params"]:
                if p.requires_grad and (memory := self.state.get(p)) and int(memory.get("step", 0)) > 0:
                    moves.append((p, p.detach().clone(), curvature.last_point(rule, p, memory)))
        if not moves or any(there is None for _, _, there in moves):
            return
        gradients = [(p, p.grad) for group in self.param_groups for p in group["params"]]
        try:
            for p, _, there in moves:
                p.copy_(there)
            for p, _ in gradients:
                p.grad = None
            with torch.random.fork_rng({p.device.index for p, _, _ in moves if p.is_cuda}), torch.enable_grad():
                closure()
            parts = [part for part in self._parts() if int(part.state["step"]) > 0]
            curvature.remember(self.method.stored, parts, stepping.spans(parts, self.over))
        finally:
            for p, here, _ in moves:
                p.copy_(here)
            for p, g in gradients:
                p.grad = g

    def _step(self, compiled: bool) -> None:
        parts = list(self._parts())
        if compiled:
            for part in parts:
                part.caller = "compiled"
        stepping.start(parts, self.over)
        if stored := self.method.stored:
            for rule in dict.fromkeys(part.rule for part in parts):
                of_rule = [part for part in parts if part.rule is rule]
                curvature.supply(rule, stored, self.method.index, of_rule, stepping.spans(of_rule, self.over))
        stepping.move(parts, self.over)
        stepping.count(parts)
        moved = [id(part.p) for part in parts]
        again = moved == self._moved and stepping.Again.may(parts)  # of the same tensors twice in a row
        self._again, self._moved = stepping.Again(self, parts) if again else None, moved

    def row(self, group: Mapping[str, Any], rule: Rule, keys: dict[str, str], numbers: groups.Numbers, k: int) -> Any:
        """The numbers of a group at iteration k, by what `_rule` gives for it."""
        return numbers.row(k, groups.floats(self._known(group, rule, keys)))

    def _known(self, group: Mapping[str, Any], rule: Rule, keys: Mapping[str, str]) -> dict[str, Any]:
        """The hyperparameters that a group tells, those of its options among them."""
        found = groups.known(type(self).__name__, group, keys)
        climbs, _, centralizes = self._shapes[rule]
        if climbs:
            found["direction"] = -1.0 if group["maximize"] else 1.0
        if centralizes:
            found["min_dim"] = CENTRALIZED[group["centralize"]]
        return found

    def _rule(self, index: int, group: Mapping[str, Any]) -> tuple[Rule, dict[str, str], groups.Numbers]:
        """A group's rule, the keys of its hyperparameters, and its numbers."""
        base = self.choose(group)
        beside = group.get("decoupled") or group.get("decoupled_weight_decay")  # torch's name in Adam and RAdam
        alone = len(self.param_groups) == 1 and group is self.param_groups[0]
        own = self._everyones if alone else self._asked([group])
        climbs, decays, centralizes = map(max, own, self._everyones) if self.over == "all" else own
        decays = decays and "weight_decay" not in base.hyper
        options = (
            climbs,
            "" if not decays else "decoupled" if beside else "l2",
            group["centralize_on"] if centralizes else "",
        )
        if (base, options) not in self._rules:
            keys = groups.keys(groups.told(base), self.renamed)
            functions = {n: self.functions[key] for n, key in keys.items() if key in self.functions}
            rule = shaped(base.having(**functions) if functions else base, *options)
            by = self.method.preconditioner
            if isinstance(by, Pointwise):
                rule = rule.preconditioned(by, self.method.index)
            self._rules[base, options] = rule, groups.keys(groups.told(rule), self.renamed)
            self._shapes[rule] = options
        rule, keys = self._rules[base, options]
        if (index, rule) not in self._numbers:
            self._numbers[index, rule] = groups.Numbers(type(self).__name__, rule, keys)
        return rule, keys, self._numbers[index, rule]

    @staticmethod
    def _asked(of: Sequence[Mapping[str, Any]]) -> tuple[bool, bool, bool]:
        """Whether any of some groups climbs, decays or is centralised: what shares sums must have one form."""
        asked = ("maximize", "weight_decay", "centralize")
        return tuple(any(bool(group.get(n)) for group in of) for n in asked)  # type: ignore[return-value]

    def _parts(self) -> Iterator[Part]:
        """The parameters that have gradients."""
        for p in chain.from_iterable(group["params"] for group in self.param_groups):
            if p.grad is not None and p.grad.layout is not torch.strided:
                says = "does not support sparse gradients; p.grad.to_dense() is dense"
                raise RuntimeError(f"{type(self).__name__} {says}")
        for index, group in enumerate(self.param_groups):
            rule, keys, numbers = self._rule(index, group)
            tensors = group["capturable"] or group["differentiable"]
            known = self._known(group, rule, keys)
            floats = known if tensors else groups.floats(known)
            row = None if rule.scheduled or tensors else numbers.row(1, floats)
            for p in group["params"]:
                g = p.grad
                if g is None:
                    continue
                state = self.state[p]
                if "step" not in state:
                    where = p.device if group["capturable"] else None
                    state["step"] = torch.zeros((), dtype=torch.float32, device=where)
                elif state["step"].dtype is not torch.float32:
                    state["step"] = state["step"].float()
                if tensors:
                    step = state["step"]
                    now = numbers.tensors(step + 1 if step.device.type != "cpu" else int(step.item()) + 1, known)
                else:
                    now = row or numbers.row(int(state["step"].item()) + 1, floats)
                yield Part(p, g, state, index, rule, now, self._caller(group, p), self.state_dtype)

    def _caller(self, group: Mapping[str, Any], p: torch.Tensor) -> str:
        """Who steps a tensor: compiled code where it lies, multi-tensor operators, one by one, or torch.compile."""
        if group["differentiable"]:
            return "one"
        free = group["fused"] is None and group["foreach"] is None
        wide = self.state_dtype in (None, p.dtype)
        if (group["fused"] or free) and wide and not group["capturable"] and fused.fits(p):
            return "fused"
        if group["fused"] and p.device.type == "cuda":
            return "compiled"
        if group["fused"] and p.device.type != "cpu":
            needs = "`fused=True` requires all the params to be floating point Tensors of supported devices"
            raise RuntimeError(f"{type(self).__name__}: {needs}: ['cpu', 'cuda'] but {p.dtype} and {p.device.type}")
        lazy = p.is_conj() or p.is_neg()
        if not lazy and (group["foreach"] or (free and p.device.type in ("cuda", "xpu"))):
            return "lists"
        return "one"
