package function

// Builtin is the catalogue of a normal run.
func Builtin() *Catalogue { return mustNew(builtin()) }

func builtin() []Definition {
	return []Definition{
		gaussian(), median(), whiteTophat(),
		percentileNormalize(), stackPercentileNormalize(),
		maxProjection(), meanProjection(), composite(),
		otsuThreshold(), segmentNuclei(),
		measureShape(), measureIntensity(),
	}
}

// Select is the catalogue of this process: the built-in functions, and the
// faults too when the variable FaultsVariable is "1". Server and worker must
// agree, which the fingerprint checks.
func Select(getenv func(string) string) *Catalogue {
	if getenv(FaultsVariable) == "1" {
		return Faults()
	}
	return Builtin()
}

func mustNew(definitions []Definition) *Catalogue {
	c, err := New(definitions...)
	if err != nil {
		panic(err) // a definition of ours is wrong; every test finds that
	}
	return c
}
