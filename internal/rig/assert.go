package rig

import (
	"reflect"
	"slices"
	"testing"
)

// same compares what was got with what is wanted.
func Same[T any](tb testing.TB, what string, got, want T) {
	tb.Helper()
	if !reflect.DeepEqual(got, want) {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// oneOf checks an answer that has jitter in it.
func OneOf(tb testing.TB, what, got string, want ...string) {
	tb.Helper()
	if !slices.Contains(want, got) {
		tb.Errorf("%s: got %q, want one of %q", what, got, want)
	}
}
