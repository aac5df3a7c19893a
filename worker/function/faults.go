package function

// FaultsVariable is the environment variable that opts in to the faults.
const FaultsVariable = "WELLHOUSE_FAULTS"

// Faults is the catalogue of a test run: Builtin and functions that misbehave on
// purpose.
func Faults() *Catalogue { return mustNew(builtin()) }
