package argon

import (
	"syscall"
	"testing"
	"unsafe"
)

func TestReleaseGivesBackToTheKernel(t *testing.T) {
	m := reserve(5)
	whole := unsafe.Slice((*byte)(unsafe.Pointer(&m[0])), len(m)*blockSize)
	m[4][perBlock-1] = 1
	if whole[len(whole)-8] != 1 {
		t.Error("the last word is not at the end")
	}
	release(m)
	if err := syscall.Munmap(whole); err != syscall.EINVAL {
		t.Errorf("Munmap after release: %v, want that nothing is there", err)
	}
	heap := make([]block, 5)
	release(heap)
	heap[4][perBlock-1] = 1 // ends the test program if it is not there
}
