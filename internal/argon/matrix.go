package argon

import "encoding/binary"

// Constants of RFC 9106 §3.1 and §3.2.
const (
	version  = 0x13 // written 19 in the PHC form
	typeID   = 2    // argon2id
	perLane  = 4    // slices
	perBlock = len(block{})

	blockSize = 8 * perBlock // bytes
)

// stretch is how many blocks are computed in one go: less than half a millisecond. Others then notice little of a hash,
// and on a machine that is short of processors the hash still gets its share.
const stretch = 1024

// matrix is the memory of one hash while it is made: lanes one behind the other, each of four segments of one length.
// Lanes are computed in turn, not at once: a sign-in takes one core, whatever the hash on file asks for.
type matrix struct {
	blocks  []block
	passes  int
	lanes   int
	segment int // blocks
	done    int // blocks, in all passes

	zero      block
	addresses block // see address
	between   block // scratch of compress
}

// place is a segment of a matrix, in a pass.
type place struct{ pass, slice, lane int }

// blocks is how much memory a hash takes: as much as makes all segments of one length (RFC 9106 §3.2).
func (p Params) blocks() int {
	unit := perLane * int(p.Threads)
	return int(p.Memory) / unit * unit
}

func newMatrix(memory []block, p Params) *matrix {
	lanes := int(p.Threads)
	return &matrix{blocks: memory[:p.blocks()], passes: int(p.Time), lanes: lanes, segment: p.blocks() / lanes / perLane}
}

func (m *matrix) lane(i int) []block {
	length := perLane * m.segment
	return m.blocks[i*length:][:length]
}

// fill computes all blocks in all passes. The first two of each lane must be there.
func (m *matrix) fill() {
	for pass := range m.passes {
		for slice := range perLane {
			for lane := range m.lanes {
				m.fillSegment(place{pass, slice, lane})
			}
		}
	}
}

func (m *matrix) fillSegment(at place) {
	lane := m.lane(at.lane)
	start := at.slice * m.segment
	previous := &lane[(start+len(lane)-1)%len(lane)]
	first := 0
	if at.pass == 0 && at.slice == 0 {
		first, previous = 2, &lane[1]
	}
	blind := at.pass == 0 && at.slice < perLane/2 // argon2i; from the middle of the first pass on it is argon2d
	for i := first; i < m.segment; i++ {
		random := previous[0]
		if blind {
			if i == first || i%perBlock == 0 {
				m.address(at, i/perBlock)
			}
			random = m.addresses[i%perBlock]
		}
		block := &lane[start+i]
		compress(block, previous, m.reference(at, i, random), &m.between, at.pass > 0)
		previous = block
		if m.done++; m.done%stretch == 0 {
			giveWay()
		}
	}
}

// reference finds the block that goes into block i of a segment besides the one before it (RFC 9106 §3.4.2).
func (m *matrix) reference(at place, i int, random uint64) *block {
	number := int(random >> 32 % uint64(m.lanes))
	begin, size := (at.slice+1)%perLane*m.segment, (perLane-1)*m.segment // the three segments that were finished last
	if at.pass == 0 {
		begin, size = 0, at.slice*m.segment // all that are finished
		if at.slice == 0 {
			number = at.lane
		}
	}
	if number == at.lane {
		size += i - 1 // and what this segment has, without the block before
	} else if i == 0 {
		size--
	}
	x := random & 0xffffffff
	x = x * x >> 32
	x = uint64(size) * x >> 32
	lane := m.lane(number)
	return &lane[(begin+size-1-int(x))%len(lane)]
}

// address makes the 128 numbers by which blocks 128·n and on of a segment find their references while those may not
// depend on the password (RFC 9106 §3.4.1.2).
func (m *matrix) address(at place, n int) {
	input := block{
		uint64(at.pass), uint64(at.lane), uint64(at.slice),
		uint64(len(m.blocks)), uint64(m.passes), typeID, uint64(n + 1),
	}
	var once block
	compress(&once, &input, &m.zero, &m.between, false)
	compress(&m.addresses, &once, &m.zero, &m.between, false)
}

// last is the sum of the last blocks of all lanes.
func (m *matrix) last() (sum block) {
	for i := range m.lanes {
		lane := m.lane(i)
		for j, word := range lane[len(lane)-1] {
			sum[j] ^= word
		}
	}
	return sum
}

func (b *block) read(text *[blockSize]byte) {
	for i := range b {
		b[i] = binary.LittleEndian.Uint64(text[8*i:])
	}
}

func (b *block) text() (text [blockSize]byte) {
	for i, word := range b {
		binary.LittleEndian.PutUint64(text[8*i:], word)
	}
	return text
}
