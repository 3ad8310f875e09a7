//go:build !linux

package main

import "syscall"

// endWithParent does nothing. This system has no such setting.
func endWithParent() *syscall.SysProcAttr { return nil }
