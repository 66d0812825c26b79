//go:build !unix

package testbed

import "syscall"

func attributes(*account) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func bind(*syscall.SysProcAttr) {}
