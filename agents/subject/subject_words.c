/* subject_words - the words of UU 27/2022 and of the exchange in Indonesian. */
#include "agents/subject/subject_words.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *key, *words;
} words[] = {
	{"title", "Jawaban atas Permintaan Akses Data Pribadi"},
	{"law", "Pasal 7 dan Pasal 32 Undang-Undang Nomor 27 Tahun 2022 tentang Pelindungan Data Pribadi (UU PDP)"},
	{"request", "Permintaan"},
	{"request_number", "Nomor permintaan"},
	{"office", "Kantor yang menjawab"},
	{"received_at", "Diterima"},
	{"due", "Batas waktu (3 x 24 jam)"},
	{"made_at", "Dibuat"},
	{"subject", "Subjek Data Pribadi yang meminta"},
	{"overview", "Kantor-kantor dan jawabannya"},
	{"column.office", "Kantor"},
	{"column.state", "Keadaan"},
	{"column.count", "Laporan"},
	{"complete", "Semua kantor yang ditanya telah menjawab."},
	{"missing", "Jawaban ini belum lengkap. Jumlah kantor yang belum menjawab seluruhnya: "},
	{"nothing", "Kantor ini tidak menyimpan laporan tentang Anda."},
	{"undecided", "Belum diputuskan oleh kantor ini: "},
	{"entry.name", "Laporan"},
	{"entry.kind", "Jenis"},
	{"entry.category", "Kategori"},
	{"entry.at", "Diterima atau dikirim"},
	{"entry.expires", "Dihapus paling lambat"},
	{"entry.said", "Yang tercatat tentang Anda"},
	{"entry.seen_at", "Waktu kejadian"},
	{"entry.place", "Tempat"},
	{"entry.summary", "Isi"},
	{"entry.withheld", "Tidak diungkapkan"},
	{"entry.elsewhere", "diungkapkan oleh kantor asalnya, lihat "},
	{"entry.holders", "Diberikan kepada"},
	{"entry.holder_has", "masih disimpan, sejauh diketahui"},
	{"entry.holder_erased", "dihapus pada"},
	{"entry.nobody", "tidak kepada kantor lain"},
	{"rights", "Anda berhak melengkapi, memperbarui dan memperbaiki kesalahan data pribadi tentang diri Anda "
		   "(Pasal 6 UU PDP). "
		   "Ajukan kepada kantor yang laporannya disebut, dengan nama laporan itu."},
	{"sealed", "Permintaan ini dan semua jawabannya dihapus di semua kantor pada"},

	{"state.own", "kantor ini sendiri"},
	{"state.answered", "telah menjawab"},
	{"state.incomplete", "baru menjawab sebagian"},
	{"state.silent", "ditanya, belum menjawab"},
	{"state.left", "ditanya, tidak menjawab, bukan anggota lagi"},
	{"state.to-be-asked", "belum ditanya: pertanyaan belum terkirim"},
	{"state.not-asked", "tidak ditanya"},

	{"withheld.defence-security",
	 "kepentingan pertahanan dan keamanan nasional (Pasal 33 huruf c dan Pasal 50 ayat (1) huruf a UU PDP)"},
	{"withheld.law-enforcement", "kepentingan proses penegakan hukum (Pasal 50 ayat (1) huruf b UU PDP)"},
	{"withheld.state-interest",
	 "kepentingan umum dalam rangka penyelenggaraan negara (Pasal 50 ayat (1) huruf c UU PDP)"},
	{"withheld.rights-of-others", "pengungkapan data pribadi milik orang lain (Pasal 33 huruf b UU PDP)"},
	{"withheld.origin-decides", "laporan kantor lain; yang memutuskan ialah kantor asalnya: "},

	{"kind.sighting", "laporan pengamatan"},
	{"kind.alert", "peringatan"},
	{"kind.update", "pembaruan laporan"},

	{"field.capacity", "Dicatat sebagai"},
	{"field.identity", "Dasar identitas"},
	{"field.age", "Usia"},
	{"field.primary_identifier", "Nama keluarga"},
	{"field.secondary_identifier", "Nama depan"},
	{"field.date_of_birth", "Tanggal lahir"},
	{"field.sex", "Jenis kelamin"},
	{"field.nationality", "Kewarganegaraan"},
	{"field.documents", "Dokumen perjalanan"},
	{"field.permit", "Izin tinggal"},
	{"field.permit_number", "Nomor izin tinggal"},
	{"field.permit_until_date", "Izin tinggal berlaku sampai"},
	{"field.telephone", "Telepon"},
	{"field.address", "Alamat"},
	{"field.sponsor", "Penjamin"},
	{"field.remark", "Catatan"},

	{"capacity.seen", "terlihat"},
	{"capacity.guest", "tamu penginapan"},
	{"capacity.suspected", "diduga terlibat"},
	{"capacity.wanted", "dicari"},
	{"capacity.witness", "saksi"},
	{"capacity.possible-victim", "kemungkinan korban"},
	{"capacity.missing", "orang hilang"},
	{"identity.document-verified", "dokumen telah diperiksa"},
	{"identity.claimed", "menurut pengakuan"},
	{"identity.alias", "nama samaran"},
	{"identity.misused", "identitas yang disalahgunakan"},
	{"age.adult", "dewasa"},
	{"age.child", "anak"},
	{"age.unknown", "tidak diketahui"},
	{"sex.F", "perempuan"},
	{"sex.M", "laki-laki"},
	{"sex.X", "tidak ditentukan"},
	{"permit.ITK", "izin tinggal kunjungan (ITK)"},
	{"permit.ITAS", "izin tinggal terbatas (ITAS)"},
	{"permit.ITAP", "izin tinggal tetap (ITAP)"},
	{"permit.none", "tidak ada"},

	{"mark.EXERCISE", "LATIHAN - BUKAN PERMINTAAN SUNGGUHAN"},
	{"mark.TEST", "UJI COBA - BUKAN PERMINTAAN SUNGGUHAN"},
};

const char *subject_word(const char *key)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].key, key) == 0)
			return words[i].words;
	return NULL;
}
