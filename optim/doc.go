// Package optim is an optimizer for GoMLX made of parts: rules (AdamW, Muon,
// any update.Rule) routed to parameters by class or name, with joint gradient
// clipping, decoupled weight decay, gradient accumulation and exact state.
//
// # Method
//
// One step, for the gradients g of a loss ℓ:
//
//	n  = √(Σ ‖g‖²);  g ← g·min(1, clip/(n+1e-6))
//	every parameter: the five lines of package update with its group's rule,
//	rate η = multiplier·lr and decay λ
//
// When ℓ or n is not finite the step changes nothing, to the last bit, and a
// counter goes up: every variable is given either its new value or its old one,
// chosen for the whole step at once. The norm is a float32: gradients above
// 1.8e19 overflow it and count as not finite. With Config.LossGuard ℓ
// alone decides, and then a step costs no norm unless something is clipped.
//
// # Plain GoMLX programs
//
// Optimizer implements GoMLX's optimizer interface, gradient accumulation
// included. Without a list of parameters it takes the trainable variables of
// the graphs it sees, as Describe describes them; Build, or the method
// Optimizer of a rule, makes one with the usual groups. GoMLX's global step
// goes up by one with every update, made or skipped.
//
// # Inputs
//
// The schedule's multiplier, and each group's learning rate, decay and momentum
// are variables that the graph reads: changing them compiles nothing. A store
// that was loaded from a file gets the values of this run's configuration.
//
// # Measures
//
// ApplyMeasured returns, beside the metrics of Apply and for each group, the root
// mean squares of the updates and of the weights, and what the storage of the
// momentum costs: ‖orth(M) - orth(Q(M))‖/‖orth(M)‖ for Muon. It is a graph for the
// steps that are to be looked at; those of Apply pay nothing. StorageErrors
// evaluates the last for a store and any storage.
//
// # State
//
// Every variable lies under /optim and is not trainable:
//
//	/optim/step, /optim/skipped           int32 counters
//	/optim/multiplier                     float32, set by SetMultiplier
//	/optim/group.<i>.{lr,decay,complement} float32, complement is 1-β
//	/optim/<state>/<parameter>            what the rule declares, as its storage keeps it
//	/optim/accumulated/<parameter>        only when gradients are accumulated
//
// Specs lists them; PlanStateBytes adds them up before they exist and
// StateBytes afterwards, and the two are equal.
//
// # Defaults
//
// No clipping, no decay, no schedule: Config says everything.
//
// # Caveats
//
// Float32 parameters. The Go backend must not run with its default
// parallelism, which can deadlock on the independent products of Muon.
package optim
