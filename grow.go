package tghook

// stackNeed is what decoding JSON with encoding/json needs of a goroutine's stack,
// which begins with 2 KiB.
const stackNeed = 7 << 10

// grow has a new goroutine's stack grown at once, while there is little on it to
// move, instead of doubled time and again: the frame counts whether it is used or
// not. Without it an update that comes alone, so that no worker lingers, takes
// longer: see BenchmarkAlone.
//
//go:noinline
func grow(use bool) byte {
	if !use {
		return 0
	}
	var frame [stackNeed]byte
	return touch(&frame)
}

//go:noinline
func touch(frame *[stackNeed]byte) byte { return frame[0] }
