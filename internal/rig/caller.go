package rig

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
)

// apiCalls is a Caller that notes its calls.
type Caller struct {
	mu    sync.Mutex
	Calls []string
	Do    func(ctx context.Context, method string) error // nil: succeeds
}

func (a *Caller) Call(ctx context.Context, method string, params, _ any) error {
	encoded, err := json.Marshal(params)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.Calls = append(a.Calls, method+string(encoded))
	a.mu.Unlock()
	if a.Do == nil {
		return nil
	}
	return a.Do(ctx, method)
}

func (a *Caller) All() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.Calls)
}

// callerFunc is a Caller.
type CallerFunc func(ctx context.Context, method string, params any) error

func (f CallerFunc) Call(ctx context.Context, method string, params, _ any) error {
	return f(ctx, method, params)
}
