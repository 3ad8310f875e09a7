package tghook

// stackNeed is how many bytes of stack encoding/json needs to decode JSON. The stack of a new
// goroutine has 2 KiB.
const stackNeed = 7 << 10

// grow makes the stack of a new goroutine grow at once, while there is little on it to copy.
// Otherwise it would double several times. The frame needs its place even if it is not used.
// Without grow an update that comes alone, and so runs in a new goroutine, takes longer: see
// BenchmarkAlone.
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
