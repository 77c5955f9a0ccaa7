"""A door that proves the grammar: any rule on torch parameters."""


def torch_optimizer(params, method):
    """A torch optimizer that knows no rule: it starts and advances whichever it is given."""
    import torch

    class Optimizer(torch.optim.Optimizer):
        def __init__(self, params, method):
            super().__init__(params, {})
            self.rule = method.rule

        @torch.no_grad()
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._advance(p, p.grad, self.state[p])
            return loss

        def _advance(self, p, g, state):
            if not state:
                state["k"], state["slots"] = 0, list(self.rule.start(p, g, self.rule.row(1)))
            state["k"] += 1
            new, *slots = self.rule.advance(p.clone(), g, state["slots"], self.rule.row(state["k"]))
            state["slots"] = [slot.to(p.dtype) for slot in slots]
            p.copy_(new)

    return Optimizer(params, method)
