package engine

import "syscall"

// endWithParent makes the process end when this one is killed.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
