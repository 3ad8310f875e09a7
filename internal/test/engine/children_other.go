//go:build unix && !linux

package engine

// children returns nothing. The processes of a server end by themselves when it has ended.
func children(int) []int { return nil }

// awaitStop does nothing.
func awaitStop(int) {}

// awaitEnd does nothing.
func awaitEnd([]int) {}
