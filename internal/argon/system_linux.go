package argon

import (
	"syscall"
	"unsafe"
)

// reserve takes n blocks from the kernel, and only when it has none from the Go heap. On the heap they would count as
// live: the collector would let garbage grow by as much again before it runs, and give nothing back for minutes. Large
// pages make a hash faster by some 8 %, for it reads all over its memory.
func reserve(n int) []block {
	b, err := syscall.Mmap(-1, 0, n*blockSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]block, n)
	}
	_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) // a kernel without them does without
	return unsafe.Slice((*block)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// release gives back what reserve gave. Munmap knows what is of Mmap, and refuses what is of the heap.
func release(m []block) {
	_ = syscall.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(m))), len(m)*blockSize))
}

// giveWay lets the kernel run another thread on this core if one waits. A thread that only computes is taken off its core
// after milliseconds, and that is how long a request for which others wake up may wait. A hash has no claim to its
// milliseconds in one piece.
func giveWay() { _, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
