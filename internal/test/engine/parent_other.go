//go:build unix && !linux

package engine

import "syscall"

// endWithParent does nothing. This system has no such setting.
func endWithParent(*syscall.SysProcAttr) {}
