package rustgen

import "slices"

// heldOutOneIn is the share of families that are held out: one in so many.
const heldOutOneIn = 8

// heldOutSalt starts the hash. It was chosen once so that every level has held-out families; changing it would move tasks
// that published models were trained on.
const heldOutSalt = 0xcbf29ce484222325 + 9

// ctx is what a family draws from.
type ctx struct {
	*rng
	level  int
	family *family
}

// family makes the tasks of one kind. weights[l] is its relative frequency at level l.
type family struct {
	name    string
	weights [MaxLevel + 1]int
	make    func(c *ctx) *group
	heldOut bool
}

func (f *family) weightAt(level int) int { return f.weights[level] }

// registry lists all families in a fixed order: a program's bytes depend on it.
var registry = buildRegistry()

func buildRegistry() []family {
	fs := slices.Concat(scalarFamilies(), pipelineFamilies(), structFamilies(), recordsFamilies(), enumFamilies(), optionFamilies(), vectorFamilies(), textFamilies(), numberFamilies(), resultFamilies(), hashMapFamilies(), genericFamilies(), traitFamilies(), stdFamilies(), closureFamilies(), lifetimeFamilies(), machineFamilies(), parserFamilies(), evaluatorFamilies(), formatFamilies(), storeFamilies())
	for i := range fs {
		fs[i].heldOut = HeldOut(fs[i].name)
	}
	return fs
}

// HeldOut says whether a family is kept out of training text: FNV-1a of its name from heldOutSalt on, mixed, is divisible by eight.
func HeldOut(family string) bool {
	h := uint64(heldOutSalt)
	for i := range len(family) {
		h = (h ^ uint64(family[i])) * 0x100000001b3
	}
	return mix(h)%heldOutOneIn == 0
}

// FamilyInfo describes a family.
type FamilyInfo struct {
	Name    string
	Level   int // the lowest level at which it is drawn
	HeldOut bool
}

// Families lists every family.
func Families() []FamilyInfo {
	out := make([]FamilyInfo, len(registry))
	for i, f := range registry {
		level := 1
		for f.weights[level] == 0 {
			level++
		}
		out[i] = FamilyInfo{f.name, level, f.heldOut}
	}
	return out
}
