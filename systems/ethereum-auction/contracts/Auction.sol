// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// A public auction. Whoever deploys it owns it; the block `lastBlock` is the last that takes bids. Bids of one bidder add
/// up. When it is over, the owner withdraws the highest sum and everybody else their own.
contract Auction {
    error AuctionOver();
    error AuctionNotOver();
    error NotForTheOwner();
    error NothingToWithdraw();
    error WithdrawalRefused();

    event Bid(address indexed bidder, uint256 amount);
    event Withdrawal(address indexed bidder, uint256 amount);

    address public immutable owner = msg.sender;
    uint256 public immutable lastBlock;
    address public leader;
    mapping(address => uint256) public bids;

    constructor(uint256 blocks) {
        lastBlock = block.number + blocks;
    }

    function bid() external payable {
        if (block.number > lastBlock) revert AuctionOver();
        if (msg.sender == owner) revert NotForTheOwner();
        bids[msg.sender] += msg.value;
        if (bids[msg.sender] > bids[leader]) leader = msg.sender;
        emit Bid(msg.sender, msg.value);
    }

    function withdraw() external {
        if (block.number <= lastBlock) revert AuctionNotOver();
        if (msg.sender == leader) revert NothingToWithdraw();
        address from = msg.sender == owner ? leader : msg.sender;
        uint256 amount = bids[from];
        if (amount == 0) revert NothingToWithdraw();
        bids[from] = 0;
        emit Withdrawal(msg.sender, amount);
        (bool paid, ) = msg.sender.call{value: amount}("");
        if (!paid) revert WithdrawalRefused();
    }
}
