package rig

// cycle wraps itself.
type cycle struct{ err error }

func NewCycle() error {
	c := &cycle{}
	c.err = c
	return c
}

func (c *cycle) Error() string { return "cycle" }

func (c *cycle) Unwrap() error { return c.err }
