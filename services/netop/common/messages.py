# SPDX-License-Identifier: Apache-2.0
"""What operators act upon, each with an id that never changes.

systemd.journal-fields(7), MESSAGE_ID: programs find entries by it, and `journalctl -x`
finds what packaging/catalog/netop.catalog tells of it. A sentence may be reworded, an id
may not be given to anything else. New ones: `systemd-id128 new`.
"""

from __future__ import annotations

from enum import StrEnum


class Message(StrEnum):
    """The ids, by what they mean."""

    # Resources and configuration.
    RESOURCE_REJECTED = "750548894ff7443ba3bfa1e66fcb0626"
    RESOURCE_UNREADABLE = "2230a1f166254da8a4417b99ece85735"
    CONFIGURATION_ENTRY_WRONG = "5e26e10417ef43c681ea47e70fd237b4"
    CONFIGURATION_UNUSABLE = "52d925717f1b40b1af81b12273cc659d"
    RESOURCES_MISSING = "4060892c555c45ba86e58c4996de9ade"
    API_SERVER_LOST = "1f43dd0759ec4ab1822aec025f505127"
    API_SERVER_BACK = "874924235d994886afaa7df395be4438"
    # The API server does not take this node's state, or its events.
    STATE_NOT_REPORTED = "b42120471f4748809be6b2dc28308d33"
    LAST_GOOD_USED = "236cfa7a09a84201a7f93b24e08ea4c1"
    INTENT_CHANGED = "3926d38e56894c45b358510b78b1806b"

    # Links.
    UNDERLAY_MISSING = "f69ef86183814c6da6d97ac2b42fcd56"
    UNDERLAY_TOO_NARROW = "eda560f97327498d94ea9d32aed86838"
    FOREIGN_LINK = "c7a99d0dd30c42feb3f10ac93a4887e2"
    VNI_TAKEN = "fac94d6feaa048dcb418de63e8d11cf3"
    TABLES_EXHAUSTED = "51d0cec6de1a4ff5a9ea6877dfb13879"
    LINKS_REFUSED = "3ff8a74263b74417b5430964e69fe768"
    LINKS_LACKING = "58b0e0035ec4469185dd3bee838e4def"
    LINKS_ASKING = "a90542d527704de8a3497c5e0308942b"
    LINKS_FOUGHT_OVER = "96bfc4b5d8694eebac109f492a4a75cf"
    LINKS_REPAIRED = "49eedf72c3bf40c8bdbcee4a3709a0a5"
    KERNEL_UNREADABLE = "9e948cf5c58a429cbef9b9fdbb9cdffb"

    # FRR.
    VRF_SERVED = "e2968098bcf4417394aefc2670b94ff4"
    VRF_GONE = "6e5cd2ac25d74dbead1171ea8eb57496"
    FRR_RELOADED = "eba5e8a42dd944eda74bb0c32057f620"
    FRR_ROLLED_BACK = "e05da7026d4449478d4d48fb2b5d3ab2"
    FRR_RELOAD_FAILED = "ea20d7c18e9a4e65af438db11bf455c8"
    FRR_DIED_OF_CHANGE = "78d2a6b7a45c45a58df6cd58a95d0676"
    FRR_DOWN = "15a947cbd7494e789d8d697adcc900a9"
    FRR_STARTED_ANEW = "8e053e3e980b414a85bffa841270bc2a"
    FRR_PUT_BACK = "f1944dc350f443cca520490b63a75009"
    FRR_NOT_REPAIRED = "3818c22f33e34f5388245984fce97141"
    CHANGE_REFUSED = "d9287bcb05d04032b9676a725557687c"
    CANDIDATE_REFUSED = "84ab4c3cd69f4ae2bd295cf3e6c9026c"
    CANDIDATE_ODD = "6be05b13eaad452ba182912de7aa9dd8"
    HAND_EDIT_PUT_BACK = "049dfa4030074294a828708cfdf13ee8"
    HAND_EDIT_RUNNING = "48bd8cdd95ea402e814c23d6b3873af4"
    TEMPLATE_WRONG = "90cf7d22fa87426b894d7b295d47cf7a"
    TEMPLATE_LACKS_IPV6 = "aa5b6bfe18ed4876b2c7a6db0a3b1447"
    TEMPLATE_MADE = "978b830ca73c41b9bc1cb3de973c8f40"

    # The eBPF router.
    PROGRAM_LOADED = "24218ed40585489c9a5f5eca27af1560"
    PROGRAM_ATTACHED = "869cf75580924228b65b7066da15d864"
    PROGRAM_REATTACHED = "a695ab7dcfcc4ad7b69cf0ede95d7ce4"
    PROGRAM_FOUGHT_OVER = "78e7a9a2bd1d4a69ad498ac904d2c7c9"
    PROGRAM_REFUSED = "0fbe23965981436e9c909c169d7c266f"
    PROGRAM_NOT_ATTACHED = "bbec08a7376a46f28999ac6a82de7e50"
    PROGRAM_LOST = "b43f6a92ef5e472f96d6f10d72397cf8"
    COMPILE_FAILED = "a0e8620666e74b7389fc875d75f02b05"

    # All daemons.
    DOCUMENT_DAMAGED = "b470e871b9094c6f80d1de46ff70294b"
    FILE_UNREADABLE = "36f4ba30b346454ca37077a1cfbe15cb"
    FILE_UNWRITABLE = "dff8193835cb4787b672877d7786aa75"
    WELL_AGAIN = "f72a62b023204c5b98f0371d5eae8da5"

    @property
    def ending(self) -> Message:
        """What tells that a lasting condition of this kind is over."""
        return Message.API_SERVER_BACK if self is Message.API_SERVER_LOST else Message.WELL_AGAIN
