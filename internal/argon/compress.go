package argon

import "math/bits"

// block is a kibibyte of the memory: eight rows of eight registers, a register being two words (RFC 9106 §3.5).
type block [128]uint64

// compress sets out to G(x, y) of RFC 9106 §3.5, xor what was in out if that is to be kept. out is neither x nor y;
// between is scratch.
//
// All the time of a hash goes by in here. So the sixteen words of a row or column are variables (Go keeps no element of
// an array in a register), each word goes through memory as rarely as can be, and the permutation P of §3.6, a round of
// BLAKE2b, is written out in both: called with sixteen words it makes a hash slower by 5 %, with an array by 30 %.
func compress(out, x, y, between *block, keep bool) {
	rows(out, x, y, between, keep)
	columns(out, between)
}

// rows sets between to R = x xor y with all rows permuted, and out to R, or out xor R.
func rows(out, x, y, between *block, keep bool) {
	for i := 0; i < len(between); i += 16 {
		x, y, out, row := (*[16]uint64)(x[i:]), (*[16]uint64)(y[i:]), (*[16]uint64)(out[i:]), (*[16]uint64)(between[i:])
		v0, v1, v2, v3 := x[0]^y[0], x[1]^y[1], x[2]^y[2], x[3]^y[3]
		v4, v5, v6, v7 := x[4]^y[4], x[5]^y[5], x[6]^y[6], x[7]^y[7]
		v8, v9, v10, v11 := x[8]^y[8], x[9]^y[9], x[10]^y[10], x[11]^y[11]
		v12, v13, v14, v15 := x[12]^y[12], x[13]^y[13], x[14]^y[14], x[15]^y[15]
		if keep {
			out[0] ^= v0
			out[1] ^= v1
			out[2] ^= v2
			out[3] ^= v3
			out[4] ^= v4
			out[5] ^= v5
			out[6] ^= v6
			out[7] ^= v7
			out[8] ^= v8
			out[9] ^= v9
			out[10] ^= v10
			out[11] ^= v11
			out[12] ^= v12
			out[13] ^= v13
			out[14] ^= v14
			out[15] ^= v15
		} else {
			out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7] = v0, v1, v2, v3, v4, v5, v6, v7
			out[8], out[9], out[10], out[11], out[12], out[13], out[14], out[15] = v8, v9, v10, v11, v12, v13, v14, v15
		}
		v0, v4, v8, v12 = mix(v0, v4, v8, v12, 32, 24)
		v1, v5, v9, v13 = mix(v1, v5, v9, v13, 32, 24)
		v2, v6, v10, v14 = mix(v2, v6, v10, v14, 32, 24)
		v3, v7, v11, v15 = mix(v3, v7, v11, v15, 32, 24)
		v0, v4, v8, v12 = mix(v0, v4, v8, v12, 16, 63)
		v1, v5, v9, v13 = mix(v1, v5, v9, v13, 16, 63)
		v2, v6, v10, v14 = mix(v2, v6, v10, v14, 16, 63)
		v3, v7, v11, v15 = mix(v3, v7, v11, v15, 16, 63)
		v0, v5, v10, v15 = mix(v0, v5, v10, v15, 32, 24)
		v1, v6, v11, v12 = mix(v1, v6, v11, v12, 32, 24)
		v2, v7, v8, v13 = mix(v2, v7, v8, v13, 32, 24)
		v3, v4, v9, v14 = mix(v3, v4, v9, v14, 32, 24)
		v0, v5, v10, v15 = mix(v0, v5, v10, v15, 16, 63)
		v1, v6, v11, v12 = mix(v1, v6, v11, v12, 16, 63)
		v2, v7, v8, v13 = mix(v2, v7, v8, v13, 16, 63)
		v3, v4, v9, v14 = mix(v3, v4, v9, v14, 16, 63)
		row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7] = v0, v1, v2, v3, v4, v5, v6, v7
		row[8], row[9], row[10], row[11], row[12], row[13], row[14], row[15] = v8, v9, v10, v11, v12, v13, v14, v15
	}
}

// columns permutes all columns of between and adds them to out.
func columns(out, between *block) {
	for i := 0; i < 16; i += 2 {
		col, out := (*[114]uint64)(between[i:]), (*[114]uint64)(out[i:])
		v0, v1, v2, v3 := col[0], col[1], col[16], col[17]
		v4, v5, v6, v7 := col[32], col[33], col[48], col[49]
		v8, v9, v10, v11 := col[64], col[65], col[80], col[81]
		v12, v13, v14, v15 := col[96], col[97], col[112], col[113]
		v0, v4, v8, v12 = mix(v0, v4, v8, v12, 32, 24)
		v1, v5, v9, v13 = mix(v1, v5, v9, v13, 32, 24)
		v2, v6, v10, v14 = mix(v2, v6, v10, v14, 32, 24)
		v3, v7, v11, v15 = mix(v3, v7, v11, v15, 32, 24)
		v0, v4, v8, v12 = mix(v0, v4, v8, v12, 16, 63)
		v1, v5, v9, v13 = mix(v1, v5, v9, v13, 16, 63)
		v2, v6, v10, v14 = mix(v2, v6, v10, v14, 16, 63)
		v3, v7, v11, v15 = mix(v3, v7, v11, v15, 16, 63)
		v0, v5, v10, v15 = mix(v0, v5, v10, v15, 32, 24)
		v1, v6, v11, v12 = mix(v1, v6, v11, v12, 32, 24)
		v2, v7, v8, v13 = mix(v2, v7, v8, v13, 32, 24)
		v3, v4, v9, v14 = mix(v3, v4, v9, v14, 32, 24)
		v0, v5, v10, v15 = mix(v0, v5, v10, v15, 16, 63)
		v1, v6, v11, v12 = mix(v1, v6, v11, v12, 16, 63)
		v2, v7, v8, v13 = mix(v2, v7, v8, v13, 16, 63)
		v3, v4, v9, v14 = mix(v3, v4, v9, v14, 16, 63)
		out[0] ^= v0
		out[1] ^= v1
		out[16] ^= v2
		out[17] ^= v3
		out[32] ^= v4
		out[33] ^= v5
		out[48] ^= v6
		out[49] ^= v7
		out[64] ^= v8
		out[65] ^= v9
		out[80] ^= v10
		out[81] ^= v11
		out[96] ^= v12
		out[97] ^= v13
		out[112] ^= v14
		out[113] ^= v15
	}
}

// mix is half of GB of RFC 9106 §3.6, with the two distances to rotate by; all of GB would not be inlined.
func mix(a, b, c, d uint64, far, near int) (uint64, uint64, uint64, uint64) {
	a += b + 2*uint64(uint32(a))*uint64(uint32(b))
	d = bits.RotateLeft64(d^a, -far)
	c += d + 2*uint64(uint32(c))*uint64(uint32(d))
	b = bits.RotateLeft64(b^c, -near)
	return a, b, c, d
}
