"""Those who count a real module: torch's parameters, fvcore, torch's `FlopCounterMode`.

Each file says what its oracle counts, and holds one table from our operations to its operators. The counts to expect
are the ledger's, under the convention that claims to equal the oracle, gathered by that table.
"""

from costmodel.validate.oracles import flop_counter, fvcore, parameters
from costmodel.validate.oracles.reading import Oracle, Reading

ORACLES: dict[str, Oracle] = {oracle.name: oracle for oracle in (parameters.ORACLE, fvcore.ORACLE, flop_counter.ORACLE)}

__all__ = ["ORACLES", "Oracle", "Reading"]
