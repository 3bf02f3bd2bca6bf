package main

import (
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/fire"
)

// arm is a way to go on. The optimizer begins anew in all of them.
type arm struct {
	name      string
	intervene func(b *bench, store *model.Store) error // between the phases
	l2, redo  bool                                     // L2-init in both phases; ReDo in the second one
}

var arms = []arm{
	{name: "vanilla", intervene: func(*bench, *model.Store) error { return nil }},
	{name: "shrink-and-perturb", intervene: func(b *bench, store *model.Store) error {
		return fire.ShrinkAndPerturb(store, b.task.network.params, b.initial, b.task.share)
	}},
	{name: "reset", intervene: func(b *bench, store *model.Store) error {
		return fire.Reset(store, b.task.network.params, b.initial)
	}},
	{name: "fire-paper", intervene: func(b *bench, store *model.Store) error {
		return b.fire(store, fire.Paper(b.task.cubic))
	}},
	{name: "fire-converged", intervene: func(b *bench, store *model.Store) error {
		return b.fire(store, fire.Converged(1e-4))
	}},
	{name: "l2-init", l2: true, intervene: func(*bench, *model.Store) error { return nil }},
	{name: "redo", redo: true, intervene: func(b *bench, store *model.Store) error { return b.redo(store, nil) }},
}

func (b *bench) fire(store *model.Store, mode fire.Mode) error {
	_, err := fire.New().WithMode(mode).WithClasses(b.task.classes...).Apply(b.backend, store, b.task.network.params)
	return err
}

// redo begins the units anew that are dormant on a batch of the second phase.
func (b *bench) redo(store *model.Store, opt *optim.Optimizer) error {
	x, y := b.data.second()()
	_, _, hidden, err := b.activity(store, x, y)
	if err != nil {
		return err
	}
	for i, h := range hidden {
		dormant, err := fire.Dormant(h, len(h), tau)
		if err != nil {
			return err
		}
		if err := fire.ReDo(store, b.task.network.hidden[i], dormant, b.initial, opt); err != nil {
			return err
		}
	}
	return nil
}
