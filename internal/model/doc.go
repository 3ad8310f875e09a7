// Package model plays random schedules against the public API of tghook, in virtual
// time, and checks what happens against the promise. It holds tests only. The comments of
// the two models, in model_test.go and poll_test.go, say how to play a seed again.
package model
